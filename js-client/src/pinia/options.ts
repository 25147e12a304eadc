// What an application says about syncing.
import type { StateTree } from 'pinia'
import type { MaybeRefOrGetter } from 'vue'
import type { Client } from '../types.ts'

/** A room, by its name. Without a name (null, undefined or empty) there is no room, and state stays local. */
export type RoomName = MaybeRefOrGetter<string | null | undefined>

export interface SyncOptions<State extends StateTree = StateTree> {
  /**
   * Where the store is shared. A getter is followed: when it names another room, the store goes there at once, and what it
   * held stays behind. The application is its context, so it may use `useRoute` or `inject`.
   */
  room: RoomName
  /** The state to share, by its names; each is a document of its own. Without it, all of the state is one document. */
  include?: readonly (keyof State & string)[]
  /** Milliseconds without a change before changes are sent. Without it, as the client has it. */
  debounceMs?: number
}

/** For what is told of a room: whose client it is. Without it, the one that was created last. */
export interface ClientOption {
  client?: Client | undefined
}

declare module 'pinia' {
  // The parameters have to be those of the original declaration.
  export interface DefineStoreOptionsBase<S extends StateTree, Store> {
    /** Shares the state of the store with all who are in the same room. */
    sync?: SyncOptions<S>
  }
}
