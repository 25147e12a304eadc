// The programs of the playground's tab Code, run as they are shown.
import vue from '@vitejs/plugin-vue'
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'vite'
import { expect } from 'vitest'
import { createSSRApp } from 'vue'
import { renderToString } from 'vue/server-renderer'
import type { Operation } from '../../../src/types.ts'
import { SNIPPETS, TOKEN } from '../../../playground/src/inspector/snippets.ts'
import type { Language } from '../../../playground/src/inspector/snippets.ts'
import { asksForTokens, token } from '../harness/tokens.ts'
import { test } from '../harness/world.ts'

const LIMIT_MS = 60_000
const root = fileURLToPath(new URL('../../..', import.meta.url))

/** A text that ends a literal, a comment, a script or an input in one of the languages, or that one of them replaces or refuses. */
const HOSTILE = [
  `it's "quoted" 'twice' '''three''' """times""" \`ticks\` \\ \\n \\u0041 $HOME \${HOME} $(id) %s {0} #{x} !! //`,
  'END',
  '</script></template> <!-- ]]> */',
  '\u2028\u2029\u0085\u007f\ufeff\u200b\u202e\u0001\t\r',
  'Ünïcødé 日本語 שלום 👩🏽‍🚀 e\u0301',
  '10 kB: '.repeat(1500)
].join('\n')

/** Runs a program that reads its token from the environment. */
const run = (command: string, args: string[], cwd: string) =>
  new Promise<void>((resolve, reject) => {
    const env = { ...process.env, GOWORK: 'off', TOKEN: token() }
    execFile(command, args, { cwd, env, timeout: LIMIT_MS }, (error, output, errors) =>
      error ? reject(new Error(`${command}: ${error.message.slice(0, 300)} ${output} ${errors}`)) : resolve()
    )
  })

/** Compiles the component, and sets it up as a server does that renders it. */
async function render(component: string, folder: string) {
  writeFileSync(join(folder, 'App.vue'), component)
  await build({
    root: folder,
    configFile: false,
    logLevel: 'error',
    plugins: [vue()],
    resolve: { alias: { pathsync: join(root, 'src/index.ts') } },
    build: { ssr: join(folder, 'App.vue'), minify: false, rollupOptions: { external: ['vue', 'vue/server-renderer'] } }
  })
  const { default: App } = await import(/* @vite-ignore */ pathToFileURL(join(folder, 'dist/App.js')).href)
  await renderToString(createSSRApp(App))
}

const RUNNERS: Partial<Record<Language, (program: string, folder: string) => Promise<void>>> = {
  curl: (program, folder) => run('sh', ['-ec', program.replace('curl ', 'curl --fail --silent --show-error ')], folder),
  fetch: (program, folder) =>
    run(process.execPath, ['--input-type=module', '-e', `${program}\nif (!serverSeq) throw 0`], folder),
  vue: render,
  python: (program, folder) => run('python3', ['-c', program], folder),
  go(program, folder) {
    writeFileSync(join(folder, 'main.go'), `${program}\n`)
    return run('sh', ['-ec', '! gofmt -l . | grep . ; exec go run main.go'], folder)
  }
}

const missing = ['curl', 'python3'].filter((command) => spawnSync(command, ['--version']).error)
for (const command of missing) console.warn(`SKIPPED the programs of the tab Code that need ${command}: it is not installed`)

test.for([false, true])('the programs send any text as it is; with tokens: %j', async (withToken, { world }) => {
  const server = await world.server(...(withToken ? asksForTokens : []))
  // Inside of the package, so that the component finds Vue.
  const parent = mkdtempSync(join(root, 'node_modules/.pathsync-code-'))
  world.defer(() => rmSync(parent, { recursive: true }))
  const languages = (Object.entries(RUNNERS) as [Language, typeof render][]).filter(
    ([language]) => !missing.some((command) => command.startsWith(language))
  )
  await Promise.all(
    languages.map(async ([language, run]) => {
      const target = { origin: server.url, room: `it's ${language}/room`, key: 'project', withToken }
      const op: Operation = { op: 'set', path: 'title', value: `${language} ${HOSTILE}` }
      const folder = mkdtempSync(join(parent, `${language}-`))
      await run(SNIPPETS[language](op, target).replace(TOKEN, token()), folder)
      const headers = { Authorization: `Bearer ${token()}` }
      const read = async () => {
        const response = await fetch(`${server.url}/v1/rooms/${encodeURIComponent(target.room)}`, { headers })
        return ((await response.json()) as { stores: { project?: { state: unknown } } }).stores.project?.state
      }
      await expect.poll(read, { message: language }).toEqual({ title: op.value })
    })
  )
})
