// The layers of the client: a file imports its own layer and lower ones only, and no import cycle exists.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const src = fileURLToPath(new URL('../../../src', import.meta.url))
/** From the lowest. Layers in one list do not import each other. */
const layers = [
  ['document'],
  ['replica'],
  ['client/runtime'],
  ['client/transport'],
  ['client/outbox', 'client/storage'],
  ['client/room'],
  ['client'],
  ['pinia'],
  ['nuxt']
]

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
  (file) => dirname(file) !== '.' && file.endsWith('.ts')
)
const all = layers.flatMap((group, height) => group.map((name) => ({ name, height })))
/** The innermost folder counts. */
const layerOf = (file: string) =>
  all.filter(({ name }) => file.startsWith(`${name}/`)).sort((a, b) => b.name.length - a.name.length)[0]
/** The static imports of a file, without types and dynamic imports. */
const importsOf = (file: string) =>
  [...readFileSync(join(src, file), 'utf8').matchAll(/^(?:import|export) (?!type)[^'`]*? from '(\.[^']*)'/gms)]
    .map(([, path]) => resolve(src, dirname(file), path!).slice(src.length + 1))
    .filter((path) => files.includes(path))

test('each file imports its own layer and lower ones', () => {
  const upwards = files.flatMap((file) =>
    importsOf(file)
      .map((path) => ({ from: layerOf(file)!, to: layerOf(path)!, path }))
      .filter(({ from, to }) => (to.height === from.height ? to.name !== from.name : to.height > from.height))
      .map(({ path }) => `${file} imports ${path}`)
  )
  expect(files.length).toBeGreaterThan(50)
  expect(upwards).toEqual([])
})

test('no file is part of an import cycle', () => {
  const reaches = (file: string, goal: string, seen = new Set<string>()): boolean =>
    importsOf(file).some((path) => path === goal || (!seen.has(path) && reaches(path, goal, seen.add(path))))
  expect(files.filter((file) => reaches(file, file))).toEqual([])
})
