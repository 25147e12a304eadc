// Finds the bindings of a store: from its option `sync`, and from its setup function.
import type { Pinia } from 'pinia'
import { type EffectScope, type Ref, toRaw } from 'vue'
import { warn } from '../warn.ts'
import { activeClient } from './active.ts'
import type { Binding } from './binding.ts'

const byScope = new WeakMap<EffectScope, Binding[]>()
const byStore = new WeakMap<object, readonly Binding[]>()
const byState = new WeakMap<object, readonly Binding[]>()
const byRef = new WeakMap<Ref, Binding>()

const ORDER = 'Call `pinia.use(createPathsync())`, then `app.use(pinia)`, before any store is used.'

/** The bindings that `useSyncedStore` created in a scope. Pinia runs the setup function and the plugins in the scope of the store. */
export const bindingsInScope = (scope: EffectScope | undefined): Binding[] => (scope && byScope.get(scope)) ?? []

export function registerBinding(scope: EffectScope | undefined, binding: Binding) {
  if (scope) byScope.set(scope, [...bindingsInScope(scope), binding])
}

/** Records the binding of a ref. It identifies stores that were created before the plugin. */
export const registerRef = (ref: Ref, binding: Binding) => void byRef.set(ref, binding)

export function connectStore(store: { $state: object }, bindings: readonly Binding[]) {
  byStore.set(toRaw(store), bindings)
  byState.set(toRaw(store.$state), bindings)
}

/** The bindings of a disposed store with the same state: Pinia keeps the state for the next store with that id. */
export const formerBindings = (store: { $state: object }): readonly Binding[] => byState.get(toRaw(store.$state)) ?? []

/** The bindings of the refs of a store. */
const bindingsOfRefs = (store: object): readonly Binding[] => [
  ...new Set(Object.values(toRaw(store)).flatMap((member: Ref) => byRef.get(member) ?? []))
]

/** The bindings of a store. Warns if there are none. */
export function bindingsOf(store: { $id: string }, caller: string): readonly Binding[] {
  const connected = byStore.get(toRaw(store))
  const bindings = connected?.length ? connected : bindingsOfRefs(store)
  if (!bindings.length && activeClient()) {
    const why = connected
      ? 'It has no option `sync` and no refs of `useSyncedStore`.'
      : `It was created before the plugin was installed. ${ORDER}`
    console.warn(`[pathsync] ${caller}: store "${store.$id}" is not synced. ${why}`)
  }
  return bindings
}

const checked = new WeakSet<Pinia>()

/**
 * Warns once about stores that were created before the plugin. Pinia does not keep the options of a store, so their option
 * `sync` is unknown. Call it while no store is being created.
 */
export function warnOfEarlyStores(pinia: Pinia) {
  if (checked.has(pinia)) return
  checked.add(pinia)
  const { _s: stores } = pinia as Pinia & { readonly _s: ReadonlyMap<string, object> }
  const early = [...stores].filter(([, store]) => !byStore.has(toRaw(store)) && !bindingsOfRefs(store).length)
  if (!early.length) return
  const names = early.map(([id]) => `"${id}"`).join(', ')
  warn(
    `These stores were created before the plugin was installed: ${names}. Their option \`sync\`, if any, has no effect. ${ORDER}`
  )
}
