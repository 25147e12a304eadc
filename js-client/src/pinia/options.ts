// The options of synced stores.
import type { StateTree } from 'pinia'
import type { MaybeRefOrGetter } from 'vue'
import type { Client } from '../types.ts'

/** The name of a room. Without a name (null, undefined or empty) there is no room, and the state is local. */
export type RoomName = MaybeRefOrGetter<string | null | undefined>

export interface SyncOptions<State extends StateTree = StateTree> {
  /**
   * The room that shares the store. When a getter returns another name, the store leaves the old room at once, resets to its
   * initial state, and joins the new room. Getters run in the context of the application, so `useRoute` and `inject` work.
   */
  room: RoomName
  /** The top-level keys to sync, each as its own document. Without it, the whole state is one document. */
  include?: readonly (keyof State & string)[]
  /** Changes are sent after this many milliseconds without another change. Default: that of the client. */
  debounceMs?: number
}

/** The client of a composable. Default: the one that was created last. */
export interface ClientOption {
  client?: Client | undefined
}

declare module 'pinia' {
  // The type parameters must equal those of the original declaration.
  export interface DefineStoreOptionsBase<S extends StateTree, Store> {
    /** Shares the state of the store with all clients in the same room. */
    sync?: SyncOptions<S>
  }
}
