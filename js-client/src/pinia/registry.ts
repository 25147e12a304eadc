// Which bindings are a store's: those of its `sync` option, and those that its setup function has made.
import { type EffectScope, toRaw } from 'vue'
import { activeClient } from './active.ts'
import type { Binding } from './binding.ts'

const byScope = new WeakMap<EffectScope, Binding[]>()
const byStore = new WeakMap<object, readonly Binding[]>()
const byState = new WeakMap<object, readonly Binding[]>()

/** The bindings made by `useSyncedStore` in a scope. Pinia runs a setup function and then the plugins in the scope of the store. */
export const bindingsInScope = (scope: EffectScope | undefined): Binding[] => (scope && byScope.get(scope)) ?? []

export function registerBinding(scope: EffectScope | undefined, binding: Binding) {
  if (scope) byScope.set(scope, [...bindingsInScope(scope), binding])
}

export function connectStore(store: { $state: object }, bindings: readonly Binding[]) {
  byStore.set(toRaw(store), bindings)
  byState.set(toRaw(store.$state), bindings)
}

/** Pinia keeps the state of a store that is disposed, for the next one with its id. These are the bindings it had. */
export const formerBindings = (store: { $state: object }): readonly Binding[] => byState.get(toRaw(store.$state)) ?? []

/** The bindings of a store. If it has none, that is most likely a mistake, and said. */
export function bindingsOf(store: { $id: string }, caller: string): readonly Binding[] {
  const bindings = byStore.get(toRaw(store)) ?? []
  if (!bindings.length && activeClient()) {
    console.warn(`[pathsync] ${caller}: store "${store.$id}" is not synced. Has it a sync option, and Pinia the plugin?`)
  }
  return bindings
}
