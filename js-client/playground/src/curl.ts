export interface Command {
  what: string
  command: string
}

/** Commands for a POSIX shell that listen to, write to and read a room. With `withToken` they send the token in `$TOKEN`. */
export function curlCommands(origin: string, room: string, withToken = false): Command[] {
  const header = withToken ? ' -H "Authorization: Bearer $TOKEN"' : ''
  const url = (path: string) => quote(`${origin}/v1/rooms/${encodeURIComponent(room)}${path}`) + header
  const send = (op: object) =>
    `curl ${url('/ops')} -H 'Content-Type: application/json' \\\n  -d ` +
    quote(JSON.stringify({ clientId: 'curl', key: 'project', ops: [op] }))
  const task = { title: 'A task from curl', done: false, subtasks: [] }
  return [
    { what: 'Listen, in one terminal', command: `curl -N ${url('/events')}` },
    { what: 'Set the title, in another', command: send({ op: 'set', path: 'title', value: 'Hello from curl' }) },
    { what: 'Add a task', command: send({ op: 'array_add', path: 'tasks', value: task }) },
    { what: 'Read the whole room', command: `curl ${url('')}` }
  ]
}

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
