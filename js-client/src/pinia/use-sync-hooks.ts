import { getCurrentScope, onScopeDispose } from 'vue'
import type { RoomEvents, RoomListener } from '../types.ts'
import { bindingsOf } from './registry.ts'

type Hook<E extends keyof RoomEvents> = (listener: RoomListener<E>) => () => void

export interface SyncHooks {
  /** Another client has changed the state. The change already shows. */
  onRemoteChange: Hook<'remoteChange'>
  /** A change of this client was recorded, shortly after the application made it. */
  onLocalChange: Hook<'localChange'>
  /** The server has sent a full state: after joining a room, or after its history was lost. */
  onStateLoaded: Hook<'stateLoaded'>
  onError: Hook<'error'>
  /** A local change will not take effect. The listener may return a `Resolution`. */
  onConflict: Hook<'conflict'>
}

/**
 * Hooks for the events of a store, in every room that it joins, until the scope ends. Each hook returns a function that
 * removes its listener earlier.
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
