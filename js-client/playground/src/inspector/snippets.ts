// One operation as a request in several languages. Pure.
import type { Operation } from '../document.ts'

export interface Target {
  origin: string
  room: string
  key: string
  /** The server requires a token. The programs read it from the variable TOKEN. */
  withToken: boolean
}

export const LANGUAGES = { curl: 'curl', fetch: 'fetch', vue: 'Vue', go: 'Go', python: 'Python', csharp: 'C#' } as const
export type Language = keyof typeof LANGUAGES

type Writer = (op: Operation, target: Target) => string

const urlOf = ({ origin, room }: Target, path = '/ops') => `${origin}/v1/rooms/${encodeURIComponent(room)}${path}`
const batchOf = (op: Operation, { key }: Target, clientId: string) => ({ clientId, key, ops: [op] })

/** A text in the quotes of a POSIX shell. */
export const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
/** A text literal of JavaScript, Go, Python and C#: that of JSON, without the line ends that C# does not allow in a text. */
const literal = (text: string) =>
  JSON.stringify(text).replace(/[\u0085\u2028\u2029]/g, (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`)

export const SNIPPETS: Readonly<Record<Language, Writer>> = {
  curl(op, target) {
    const token = target.withToken ? ' -H "Authorization: Bearer $TOKEN"' : ''
    const body = JSON.stringify(batchOf(op, target, 'curl'))
    return `curl ${quote(urlOf(target))}${token} -H 'Content-Type: application/json' \\\n  -d ${quote(body)}`
  },

  fetch(op, target) {
    const token = target.withToken ? `, Authorization: \`Bearer \${token}\`` : ''
    return `const response = await fetch(${literal(urlOf(target))}, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json'${token} },
  body: JSON.stringify(${indent(JSON.stringify(batchOf(op, target, 'fetch'), null, 2))})
})
const { serverSeq, results } = await response.json()`
  },

  vue(op, target) {
    const token = target.withToken ? ', token: () => token' : ''
    return `import { createClient } from 'pathsync'

const client = createClient({ url: ${literal(target.origin)}${token} })
const room = client.room(${literal(target.room)})
const state = shallowRef()
const ${safeName(target.key)} = room.document(${literal(target.key)})
${safeName(target.key)}.subscribe((now) => (state.value = now))

await ${safeName(target.key)}.ready
${safeName(target.key)}.apply(${JSON.stringify(op, null, 2)})`
  },

  go(op, target) {
    const token = target.withToken ? '\n\treq.Header.Set("Authorization", "Bearer "+os.Getenv("TOKEN"))' : ''
    return `package main

import (
	"fmt"
	"io"
	"net/http"${target.withToken ? '\n\t"os"' : ''}
	"strings"
)

func main() {
	body := ${literal(JSON.stringify(batchOf(op, target, 'go')))}
	req, err := http.NewRequest("POST", ${literal(urlOf(target))}, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")${token}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, string(answer), err)
}`
  },

  python(op, target) {
    const token = target.withToken ? `, "Authorization": "Bearer " + os.environ["TOKEN"]` : ''
    return `import json${target.withToken ? '\nimport os' : ''}
import urllib.request

body = ${literal(JSON.stringify(batchOf(op, target, 'python')))}
request = urllib.request.Request(
    ${literal(urlOf(target))},
    data=body.encode(),
    headers={"Content-Type": "application/json"${token}},
)
with urllib.request.urlopen(request) as response:
    print(json.load(response))`
  },

  csharp(op, target) {
    const token = target.withToken
      ? `\nclient.DefaultRequestHeaders.Authorization = new("Bearer", Environment.GetEnvironmentVariable("TOKEN"));`
      : ''
    return `using System.Text;

using var client = new HttpClient();${token}
var body = ${literal(JSON.stringify(batchOf(op, target, 'csharp')))};
var content = new StringContent(body, Encoding.UTF8, "application/json");
var response = await client.PostAsync(${literal(urlOf(target))}, content);
Console.WriteLine(await response.Content.ReadAsStringAsync());`
  }
}

/** Commands for a POSIX shell that read the room. */
export function readCommands(target: Target): { what: string; command: string }[] {
  const token = target.withToken ? ' -H "Authorization: Bearer $TOKEN"' : ''
  return [
    { what: 'Listen to the room', command: `curl -N ${quote(urlOf(target, '/events'))}${token}` },
    { what: 'Read the whole room', command: `curl ${quote(urlOf(target, ''))}${token}` },
    { what: 'Read its history', command: `curl ${quote(urlOf(target, '/changes'))}${token}` }
  ]
}

const indent = (text: string) => text.replaceAll('\n', '\n  ')
const safeName = (key: string) => (/^[a-z]\w*$/i.test(key) ? key : 'shared')
