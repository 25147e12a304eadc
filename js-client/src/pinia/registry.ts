// Which bindings are a store's: those of its `sync` option, and those that its setup function has made.
import type { Pinia } from 'pinia'
import { type EffectScope, type Ref, toRaw } from 'vue'
import { warn } from '../warn.ts'
import { activeClient } from './active.ts'
import type { Binding } from './binding.ts'

const byScope = new WeakMap<EffectScope, Binding[]>()
const byStore = new WeakMap<object, readonly Binding[]>()
const byState = new WeakMap<object, readonly Binding[]>()
const byRef = new WeakMap<Ref, Binding>()

const IN_TIME = 'Call `pinia.use(createPathsync())` and then `app.use(pinia)` before any store is used.'

/** The bindings made by `useSyncedStore` in a scope. Pinia runs a setup function and then the plugins in the scope of the store. */
export const bindingsInScope = (scope: EffectScope | undefined): Binding[] => (scope && byScope.get(scope)) ?? []

export function registerBinding(scope: EffectScope | undefined, binding: Binding) {
  if (scope) byScope.set(scope, [...bindingsInScope(scope), binding])
}

/** Notes the binding of a ref, by which a store is known that was created before the plugin. */
export const registerRef = (ref: Ref, binding: Binding) => void byRef.set(ref, binding)

export function connectStore(store: { $state: object }, bindings: readonly Binding[]) {
  byStore.set(toRaw(store), bindings)
  byState.set(toRaw(store.$state), bindings)
}

/** Pinia keeps the state of a store that is disposed, for the next one with its id. These are the bindings it had. */
export const formerBindings = (store: { $state: object }): readonly Binding[] => byState.get(toRaw(store.$state)) ?? []

/** The bindings of the refs that a store consists of. */
const bindingsOfRefs = (store: object): readonly Binding[] => [
  ...new Set(Object.values(toRaw(store)).flatMap((member: Ref) => byRef.get(member) ?? []))
]

/** The bindings of a store. If it has none, that is most likely a mistake, and said. */
export function bindingsOf(store: { $id: string }, caller: string): readonly Binding[] {
  const connected = byStore.get(toRaw(store))
  const bindings = connected?.length ? connected : bindingsOfRefs(store)
  if (!bindings.length && activeClient()) {
    const why = connected
      ? 'It has neither the option `sync` nor refs of `useSyncedStore`.'
      : `It was created before Pinia had the plugin. ${IN_TIME}`
    console.warn(`[pathsync] ${caller}: store "${store.$id}" is not synced. ${why}`)
  }
  return bindings
}

const checked = new WeakSet<Pinia>()

/**
 * Warns once of stores that were created before Pinia had the plugin: Pinia does not keep the options of a store, so that their
 * option `sync` is not known. To be called when no store is being created.
 */
export function warnOfEarlyStores(pinia: Pinia) {
  if (checked.has(pinia)) return
  checked.add(pinia)
  const { _s: stores } = pinia as Pinia & { readonly _s: ReadonlyMap<string, object> }
  const early = [...stores].filter(([, store]) => !byStore.has(toRaw(store)) && !bindingsOfRefs(store).length)
  if (!early.length) return
  const names = early.map(([id]) => `"${id}"`).join(', ')
  warn(
    `Pinia did not have the plugin yet when these stores were created: ${names}. If one of them has the option \`sync\`, it is not synced. ${IN_TIME}`
  )
}
