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

/** Characters that end a line in some language, that Go refuses, or that change what a reader sees. */
const HIDDEN = /[\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g

/** JSON of a value, which is also a literal of JavaScript. A text is also one of Go, Python and C#. */
const json = (value: unknown, indent?: number) =>
  JSON.stringify(value, null, indent).replace(HIDDEN, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** A literal of JavaScript inside of a file that ends scripts at their end tag. */
const scriptLiteral = (value: unknown, indent?: number) => json(value, indent).replaceAll('</', '<\\/')

/** What a program for a page has instead of a token. */
export const TOKEN = 'YOUR TOKEN'

export const SNIPPETS: Readonly<Record<Language, Writer>> = {
  curl(op, target) {
    const token = target.withToken ? ' -H "Authorization: Bearer $TOKEN"' : ''
    // A body of any length, without quotes: an argument is at most 128 KiB long on Linux.
    return `curl ${quote(urlOf(target))}${token} -H 'Content-Type: application/json' -d @- <<'END'\n${json(batchOf(op, target, 'curl'))}\nEND`
  },

  fetch(op, target) {
    const token = target.withToken ? `, Authorization: 'Bearer ${TOKEN}'` : ''
    return `const response = await fetch(${json(urlOf(target))}, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json'${token} },
  body: JSON.stringify(${indent(json(batchOf(op, target, 'fetch'), 2))})
})
const { serverSeq, results } = await response.json()`
  },

  vue(op, target) {
    const token = target.withToken ? `, token: '${TOKEN}'` : ''
    return `<script setup>
import { createClient } from 'pathsync'
import { onScopeDispose, shallowRef } from 'vue'

const client = createClient({ url: ${scriptLiteral(target.origin)}${token} })
const shared = client.room(${scriptLiteral(target.room)}).document(${scriptLiteral(target.key)})
const state = shallowRef(shared.state)
shared.subscribe((now) => (state.value = now))
onScopeDispose(() => client.close())

shared.ready.then(() => shared.apply(${scriptLiteral(op, 2)}))
</script>

<template>
  <pre>{{ state }}</pre>
</template>`
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
	body := ${json(json(batchOf(op, target, 'go')))}
	req, err := http.NewRequest("POST", ${json(urlOf(target))}, strings.NewReader(body))
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

body = ${json(json(batchOf(op, target, 'python')))}
request = urllib.request.Request(
    ${json(urlOf(target))},
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
var body = ${json(json(batchOf(op, target, 'csharp')))};
var content = new StringContent(body, Encoding.UTF8, "application/json");
var response = await client.PostAsync(${json(urlOf(target))}, content);
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
