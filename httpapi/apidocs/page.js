// @ts-check
// Sends requests from the forms of the page, and shows streams. The page can be read without this script.

const written = 'http://127.0.0.1:8080' // the server in the examples of the contract
const shownCharacters = 200_000
const shownCharactersOfEvent = 20_000
const shownEvents = 200
const connections = 6 // to one server over HTTP/1.1, in all browsers
let openStreams = 0

/** @type {<T extends Element>(root: ParentNode, selector: string) => T} */
const find = (root, selector) => /** @type {any} */ (root.querySelector(selector))

const token = /** @type {HTMLInputElement} */ (document.getElementById('token'))
keepToken()
nameThisServer()
filterOperations()
document.addEventListener('submit', (event) => event.preventDefault())
for (const details of document.querySelectorAll('.try')) details.addEventListener('toggle', () => prepare(details), { once: true })

/** The token is that of the demo, and is kept until the tab is closed. Storage may be blocked. */
function keepToken() {
  const key = 'pathsync:token'
  try {
    token.value = sessionStorage.getItem(key) ?? ''
  } catch {
    return
  }
  token.addEventListener('input', () => sessionStorage.setItem(key, token.value.trim()))
}

function nameThisServer() {
  for (const code of document.querySelectorAll('main code')) {
    if (code.textContent?.includes(written)) code.textContent = code.textContent.replaceAll(written, location.origin)
  }
}

function filterOperations() {
  const filter = /** @type {HTMLInputElement} */ (document.getElementById('filter'))
  const articles = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('article[data-words]'))
  filter.addEventListener('input', () => {
    const words = filter.value.toLowerCase().split(' ').filter(Boolean)
    let shown = 0
    for (const article of articles) {
      const hidden = !words.every((word) => article.dataset.words?.includes(word))
      article.hidden = hidden
      find(document, `[data-for="${article.id}"]`).toggleAttribute('hidden', hidden)
      if (!hidden) shown++
    }
    for (const tag of document.querySelectorAll('.tag')) {
      tag.toggleAttribute('hidden', !tag.querySelector('article:not([hidden])'))
    }
    const text = shown === 1 ? '1 operation' : `${shown} operations`
    find(document, '#none').textContent = words.length ? text : ''
  })
}

/**
 * Makes the form of an operation when it is first opened, so that the page appears fast.
 *
 * @param {Element} details
 */
function prepare(details) {
  const template = /** @type {HTMLTemplateElement} */ (find(details, 'template'))
  template.replaceWith(template.content)
  const form = /** @type {HTMLFormElement} */ (find(details, 'form'))
  const stop = /** @type {HTMLButtonElement} */ (find(details, '.stop'))
  const curl = find(details, '.curl code')
  const describe = () => void (curl.textContent = asCommand(requestOf(form)))
  form.addEventListener('input', describe)
  token.addEventListener('input', describe)
  describe()

  /** @type {AbortController | undefined} */
  let running
  stop.addEventListener('click', () => running?.abort())
  form.addEventListener('submit', async () => {
    running?.abort()
    const mine = (running = new AbortController())
    stop.disabled = false
    await send(details, requestOf(form), mine.signal)
    if (running === mine) stop.disabled = true
  })
}

/**
 * @typedef {{ method: string, url: string, headers: Record<string, string>, body?: string }} Sent
 * @param {HTMLFormElement} form
 * @returns {Sent}
 */
function requestOf(form) {
  let path = form.dataset.path ?? ''
  const query = new URLSearchParams()
  /** @type {Record<string, string>} */
  const headers = {}
  /** @type {string | undefined} */
  let body
  for (const field of /** @type {NodeListOf<HTMLInputElement | HTMLTextAreaElement>} */ (form.querySelectorAll('[data-in]'))) {
    const { name, value } = field
    if (field.dataset.in === 'path') path = path.replace(`{${name}}`, encodeURIComponent(value.toWellFormed()))
    if (field.dataset.in === 'body') body = value
    if (!value) continue
    if (field.dataset.in === 'header') headers[name] = value
    if (field.dataset.in === 'query') for (const line of value.split('\n')) if (line) query.append(name, line)
  }
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  const url = location.origin + path + (query.size ? `?${query}` : '')
  return { method: form.dataset.method ?? 'GET', url, headers, ...(body !== undefined && { body }) }
}

/** @param {Sent} request */
function asCommand({ method, url, headers, body }) {
  /** @param {string} text */
  const quote = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`
  const parts = ['curl', '-N', quote(url)]
  if (method !== (body === undefined ? 'GET' : 'POST')) parts.splice(1, 0, '-X', method)
  if (token.value) parts.push('-H', '"Authorization: Bearer $TOKEN"')
  for (const [name, value] of Object.entries(headers)) parts.push('-H', quote(`${name}: ${value}`))
  if (body !== undefined) parts.push(body.startsWith('@') ? '--data-raw' : '-d', quote(onOneLine(body))) // `-d @name` sends a file
  return parts.join(' ')
}

/** @param {string} body */
function onOneLine(body) {
  const lines = body.split('\n').map((line) => line.trim())
  return lines.join(' ')
}

/**
 * @param {Element} details
 * @param {Sent} request
 * @param {AbortSignal} signal
 */
async function send(details, { method, url, headers, body }, signal) {
  const status = find(details, '.status')
  const result = /** @type {HTMLElement} */ (find(details, '.result'))
  const events = /** @type {HTMLElement} */ (find(details, '.events'))
  result.hidden = events.hidden = true
  events.replaceChildren()
  status.textContent = openStreams < connections ? 'Waiting for the server …' : 'Waiting for the server, or for a connection: over HTTP/1.1 a browser has six, and open streams use them.'
  const began = performance.now()
  const authorization = token.value.trim() && { Authorization: `Bearer ${token.value.trim()}` }
  let summary = ''
  try {
    const response = await fetch(url, { method, headers: { ...headers, ...authorization }, body: body ?? null, signal, cache: 'no-store' })
    summary = `${response.status} ${response.statusText}, after ${Math.round(performance.now() - began)} ms`
    const retry = response.headers.get('Retry-After')
    if (retry) summary += `; try again after ${retry} s`
    const type = response.headers.get('Content-Type') ?? ''
    if (type.startsWith('text/event-stream') && response.body) {
      events.hidden = false
      status.textContent = `${summary}: the stream is open`
      openStreams++
      await follow(response.body, (event) => show(events, event)).finally(() => openStreams--)
      status.textContent = `${summary}: the stream has ended`
      return
    }
    const text = await response.text()
    if (signal.aborted) return
    status.textContent = summary
    result.hidden = !text
    find(result, 'code').textContent = readable(text, type)
  } catch (cause) {
    const reason = signal.aborted ? 'stopped' : `no answer: ${cause instanceof Error ? cause.message : cause}`
    status.textContent = summary ? `${summary}: ${reason}` : reason
  }
}

/**
 * Returns the beginning of a text, for people.
 *
 * @param {string} text
 * @param {string} type
 * @param {number} [limit]
 */
function readable(text, type, limit = shownCharacters) {
  const beginning = text.slice(0, limit)
  const shown = /\bjson\b/.test(type) ? indented(beginning) : beginning
  return text.length > limit ? `${shown}\n… and ${text.length - limit} more characters` : shown
}

/**
 * Indents JSON, also when it is cut off. Numbers and strings keep their text, which `JSON.parse` would change.
 *
 * @param {string} json
 */
function indented(json) {
  let depth = 0
  const newLine = () => `\n${'  '.repeat(Math.min(depth, 100))}`
  return json.replace(/"(?:[^"\\]|\\.)*"?|\s+|[[{]\s*[\]}]|[[{\]},:]/g, (token) => {
    const first = token.charAt(0)
    if (/\s/.test(first)) return ''
    if (first === '"') return token
    if (token.length > 1) return first + token.at(-1)
    if (token === ':') return ': '
    if (token === ',') return token + newLine()
    if (first === '[' || first === '{') depth++
    else depth = Math.max(0, depth - 1)
    return first === '[' || first === '{' ? token + newLine() : newLine() + token
  })
}

/**
 * Calls `take` for each event of a stream, until it ends.
 *
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} stream
 * @param {(event: { event: string, id?: string, data: string }) => void} take
 */
async function follow(stream, take) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    const blocks = (rest + value).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const read = { event: 'message', data: '' }
      for (const line of block.split('\n')) {
        const [, name, text] = /^(event|id|data): ?(.*)$/.exec(line) ?? []
        if (name) Object.assign(read, { [name]: text })
      }
      if (read.data) take(read)
    }
  }
}

/**
 * @param {HTMLElement} list
 * @param {{ event: string, id?: string, data: string }} event
 */
function show(list, { event, id, data }) {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40
  const item = document.createElement('li')
  const name = document.createElement('b')
  name.textContent = event
  const text = document.createElement('pre')
  text.textContent = readable(data, 'json', shownCharactersOfEvent)
  item.append(name, id ? ` ${id}` : '', text)
  list.append(item)
  if (list.children.length > shownEvents) list.firstElementChild?.remove()
  if (atEnd) list.scrollTop = list.scrollHeight
}
