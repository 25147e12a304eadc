// README.md works on the registry's page, and documents the public interface.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { ClientOptions, Document, Room, RoomEvents, RoomStatus } from '../../../src/index.ts'
import * as pinia from '../../../src/pinia/index.ts'
import type { SyncOptions, SyncStatus } from '../../../src/pinia/index.ts'

const path = (relative: string) => fileURLToPath(new URL(`../../../${relative}`, import.meta.url))
const read = (relative: string) => readFileSync(path(relative), 'utf8')

const readme = read('README.md')
const { files } = JSON.parse(read('package.json')) as { files: string[] }
const repository = 'https://github.com/pathsync/pathsync'
const links = [...readme.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)

describe('links', () => {
  test('no relative link leaves the package', () => {
    const relative = links.filter((target) => !/^(#|https:)/.test(target)).map((target) => target.replace(/#.*/, ''))
    expect(relative).toContain('SPEC.md')
    expect(relative.filter((target) => !files.some((file) => target === file || target.startsWith(`${file}/`)))).toEqual([])
  })

  test('every anchor is a heading', () => {
    const anchors = links.filter((target) => target.startsWith('#'))
    expect(anchors.length).toBeGreaterThan(20)
    expect(anchors.filter((target) => !headings(readme).includes(target.slice(1)))).toEqual([])
  })

  test('every link into the repository leads to a file, and its anchor to a heading', () => {
    const prefix = new RegExp(`^${repository}/(?:blob|tree)/main/`)
    const inside = links.filter((target) => prefix.test(target)).map((target) => target.replace(prefix, ''))
    expect(inside.length).toBeGreaterThan(5)
    for (const target of inside) {
      const [file = '', anchor] = target.split('#')
      expect(existsSync(path(`../${file}`)), file).toBe(true)
      if (anchor) expect(headings(read(`../${file}`)), target).toContain(anchor)
    }
  })
})

describe('the public interface', () => {
  // The compiler requires every name of the interface, and no other.
  test('every option', () => {
    const options: Record<keyof ClientOptions, true> = {
      url: true,
      clientId: true,
      displayName: true,
      token: true,
      transport: true,
      debounceMs: true,
      maxWaitMs: true,
      heartbeatMs: true,
      persist: true,
      user: true,
      tabs: true,
      oneStream: true,
      fetch: true
    }
    expectRows('Options', options)
    const sync: Record<keyof SyncOptions, true> = { room: true, include: true, debounceMs: true }
    expectRows('The store option', sync)
  })

  test('every composable has a heading', () => {
    const composables = Object.keys(pinia).filter((name) => name !== 'createPathsync' && name !== 'useSyncedStore')
    expect(composables).toContain('useSyncStatus')
    for (const name of composables) expect(readme).toContain(`\n### ${name}\n`)
    expect(section('The store option')).toContain('useSyncedStore(')
  })

  test('every event', () => {
    const events: Record<keyof RoomEvents, true> = {
      status: true,
      presence: true,
      remoteChange: true,
      localChange: true,
      stateLoaded: true,
      conflict: true,
      error: true,
      pending: true,
      rejected: true
    }
    expectRows('Events', events)
  })

  test('every member of a status', () => {
    const status: Record<keyof SyncStatus, true> = {
      status: true,
      connected: true,
      syncing: true,
      readOnly: true,
      pendingChanges: true,
      rejectedChanges: true,
      lastSyncedAt: true,
      code: true,
      error: true
    }
    expectRows('useSyncStatus', status)
    const { syncing: _, ...same } = status
    const room: Record<keyof RoomStatus, true> = { ...same, loaded: true }
    for (const name of Object.keys(room)) expect(section('Without a framework')).toMatch(new RegExp(`\\b${name}\\b`))
  })

  test('every member of a room and of a document', () => {
    const room: Record<keyof Room, true> = {
      name: true,
      clientId: true,
      status: true,
      retryInMs: true,
      users: true,
      document: true,
      pending: true,
      rejected: true,
      setPresence: true,
      on: true,
      flush: true,
      leave: true
    }
    const document: Record<keyof Document, true> = {
      key: true,
      state: true,
      ready: true,
      replace: true,
      apply: true,
      subscribe: true,
      attach: true
    }
    const first = section('Without a framework')
      .split('\n')
      .flatMap((line) => /^\| (.+?) \|/.exec(line)?.[1] ?? [])
      .join()
    for (const name of Object.keys({ ...room, ...document })) expect(first).toMatch(new RegExp(`\`${name}\\b`))
  })

  test('every error code', () => {
    const sources = readdirSync(path('src'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
    const codes = sources
      .filter((file) => !file.endsWith('wire.gen.ts'))
      .flatMap((file) => [...read(`src/${file}`).matchAll(/\b(?:code: |fail\(|report\(\w+(?:\(\))?, )'([a-z_]+)'/g)])
      .map(([, code = '']) => code)
    expect(codes).toEqual(expect.arrayContaining(['network', 'invalid_value', 'unexpected_state']))
    expectRows('Error codes', Object.fromEntries(codes.map((code) => [code, true])))
  })
})

/** The text below a heading, up to the next one. */
function section(heading: string): string {
  const parts = readme.split(/^#+ /m)
  return parts.find((part) => part.startsWith(`${heading}\n`)) ?? expect.fail(`README.md has no heading "${heading}"`)
}

/** Each name begins a row of a table in the section. */
function expectRows(heading: string, names: Readonly<Record<string, true>>): void {
  const text = section(heading)
  for (const name of Object.keys(names)) expect(text).toContain(`\n| \`${name}\` |`)
}

/** The anchors of the headings of a page, as GitHub and the registry make them. */
const headings = (page: string): string[] =>
  [...page.matchAll(/^#+ (.+)$/gm)].map(([, text = '']) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
  )
