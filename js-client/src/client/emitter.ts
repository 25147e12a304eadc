/** Listeners by event. One that throws is reported as an uncaught error, and the others are still called. */
export function createEmitter<Events>() {
  const listeners = new Map<keyof Events, Set<(payload: never) => void>>()
  return {
    on<E extends keyof Events>(event: E, listener: (payload: Events[E]) => void): () => void {
      // A wrapper of its own, so that the same function may be given twice.
      const own = (payload: Events[E]) => listener(payload)
      const all = listeners.get(event) ?? new Set()
      listeners.set(event, all.add(own))
      return () => void all.delete(own)
    },
    /** Whether anything listens to an event. */
    has: (event: keyof Events) => !!listeners.get(event)?.size,
    emit<E extends keyof Events>(event: E, payload: Events[E]) {
      for (const listener of [...(listeners.get(event) ?? [])] as ((payload: Events[E]) => void)[]) {
        attempt(() => listener(payload))
      }
    }
  }
}

/** Calls what an application has given. Its errors are its own: they are reported, and nothing here stops for them. */
export function attempt(call: () => void) {
  try {
    call()
  } catch (error) {
    ;(globalThis.reportError ?? console.error)(error)
  }
}
