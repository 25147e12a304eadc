// The part of Web Locks that this package uses: exclusive ones, queued, ifAvailable or stolen, and held for as long as a
// promise is pending or a tab is open.

interface Claim {
  readonly tab: symbol
  grant(): void
  /** Ends the lock, as `steal` does. */
  steal(): void
}

/** The locks of one origin. */
export function createLocks() {
  const holders = new Map<string, Claim>()
  const queues = new Map<string, Claim[]>()

  function next(name: string): void {
    holders.delete(name)
    const claim = queues.get(name)?.shift()
    if (!claim) return
    holders.set(name, claim)
    claim.grant()
  }

  return {
    holders,

    /** The `navigator` of one tab, and a function that ends the tab without an event. */
    openTab() {
      const tab = Symbol('tab')
      let closed = false

      async function request(
        name: string,
        { ifAvailable = false, steal = false, signal }: LockOptions,
        callback: (lock: Lock | null) => unknown
      ): Promise<unknown> {
        await Promise.resolve()
        if (closed) return new Promise(() => {})
        signal?.throwIfAborted()
        if (ifAvailable && holders.has(name)) return callback(null)
        const queue = queues.get(name) ?? []
        queues.set(name, queue)
        let claim!: Claim
        const stolen = new Promise<never>((_, reject) => {
          claim = { tab, grant() {}, steal: () => reject(new DOMException('stolen', 'AbortError')) }
        })
        stolen.catch(() => {})
        if (steal) {
          holders.get(name)?.steal()
          holders.set(name, claim)
        } else if (!holders.has(name)) holders.set(name, claim)
        else {
          await new Promise<void>((resolve, reject) => {
            claim.grant = resolve
            queue.push(claim)
            signal?.addEventListener('abort', () => {
              if (!queue.includes(claim)) return
              queue.splice(queue.indexOf(claim), 1)
              reject(signal.reason as Error)
            })
          })
        }
        try {
          return await Promise.race([callback({ name, mode: 'exclusive' }), stolen])
        } finally {
          if (holders.get(name) === claim) next(name)
        }
      }

      return {
        tab,
        navigator: { locks: { request: request as LockManager['request'] } },
        close() {
          closed = true
          for (const queue of queues.values()) {
            for (const claim of queue.filter((claim) => claim.tab === tab)) queue.splice(queue.indexOf(claim), 1)
          }
          for (const [name, holder] of [...holders]) if (holder.tab === tab) next(name)
        }
      }
    }
  }
}
