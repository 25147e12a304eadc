// Web Locks as far as the outboxes use them: exclusive ones, held for as long as a promise is pending or a tab is open.

interface Waiting {
  readonly tab: symbol
  readonly grant: () => void
}

/** The locks of one origin. */
export function createLocks() {
  const holders = new Map<string, symbol>()
  const queues = new Map<string, Waiting[]>()

  function next(name: string): void {
    holders.delete(name)
    queues.get(name)?.shift()?.grant()
  }

  return {
    holders,

    /** What one tab sees as `navigator`, and its end, which comes without a word to the page. */
    openTab() {
      const tab = Symbol('tab')
      async function request(
        name: string,
        { ifAvailable = false }: LockOptions,
        callback: (lock: Lock | null) => unknown
      ): Promise<unknown> {
        await Promise.resolve()
        if (holders.has(name)) {
          if (ifAvailable) return callback(null)
          await new Promise<void>((grant) => queues.set(name, [...(queues.get(name) ?? []), { tab, grant }]))
        }
        holders.set(name, tab)
        try {
          return await callback({ name, mode: 'exclusive' })
        } finally {
          if (holders.get(name) === tab) next(name)
        }
      }
      return {
        navigator: { locks: { request } },
        close() {
          for (const [name, queue] of queues) queues.set(name, queue.filter((waiting) => waiting.tab !== tab))
          for (const [name, holder] of [...holders]) if (holder === tab) next(name)
        }
      }
    }
  }
}
