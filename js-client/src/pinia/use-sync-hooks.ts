import { getCurrentScope, onScopeDispose } from 'vue'
import type { RoomEvents, RoomListener } from '../types.ts'
import { bindingsOf } from './registry.ts'

type Hook<E extends keyof RoomEvents> = (listener: RoomListener<E>) => () => void

export interface SyncHooks {
  /** Others have changed the state. It shows already. */
  onRemoteChange: Hook<'remoteChange'>
  /** The application has changed the state; called when it is taken in, which is later. */
  onLocalChange: Hook<'localChange'>
  /** The server has sent whole state: on entering a room, or when it had to start again. */
  onStateLoaded: Hook<'stateLoaded'>
  onError: Hook<'error'>
  /** A local change will not take effect, unless the listener returns a resolution: see `Resolution`. */
  onConflict: Hook<'conflict'>
}

/**
 * Listens to what happens to the shared state of a store, in whichever room it is, until the scope ends. Each hook returns
 * a function that ends it earlier.
 */
export function useSyncHooks(store: { $id: string }): SyncHooks {
  const bindings = bindingsOf(store, 'useSyncHooks')
  const hook =
    <E extends keyof RoomEvents>(event: E): Hook<E> =>
    (listener) => {
      const offs = bindings.map((binding) => binding.on(event, listener))
      const off = () => offs.forEach((off) => off())
      if (getCurrentScope()) onScopeDispose(off)
      return off
    }
  return {
    onRemoteChange: hook('remoteChange'),
    onLocalChange: hook('localChange'),
    onStateLoaded: hook('stateLoaded'),
    onError: hook('error'),
    onConflict: hook('conflict')
  }
}
