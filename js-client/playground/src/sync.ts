import { createPathsync } from 'pathsync/pinia'
import { createNetwork } from './network.ts'
import { ownName } from './own-name.ts'
import { pane } from './pane.ts'
import { token } from './token.ts'

export const network = createNetwork((...request) => fetch(...request))

const query = new URLSearchParams(location.search)

/**
 * The Pinia plugin, for the server of the page. `?transport=eventsource` reads streams with the browser's EventSource;
 * `?persist=1` keeps documents and unsent changes after the window is closed.
 */
export const pathsync = createPathsync({
  displayName: ownName.value,
  fetch: network.fetch,
  token: () => token.value || undefined,
  // The two windows of the side-by-side view are independent, as those of two computers.
  tabs: !pane,
  transport: query.get('transport') === 'eventsource' ? 'eventsource' : 'fetch',
  persist: query.has('persist') && query.get('persist') !== '0'
})
