/** Listeners by event. One that throws is reported as an uncaught error, and the others are still called. */
export function createEmitter<Events>() {
  const listeners = new Map<keyof Events, Set<(payload: never) => unknown>>()
  return {
    on<E extends keyof Events>(event: E, listener: (payload: Events[E]) => unknown): () => void {
      // A wrapper of its own, so that the same function may be given twice.
      const own = (payload: Events[E]) => listener(payload)
      const all = listeners.get(event) ?? new Set()
      listeners.set(event, all.add(own))
      return () => void all.delete(own)
    },
    /** Whether anything listens to an event. */
    has: (event: keyof Events) => !!listeners.get(event)?.size,
    /** Calls the listeners in the order in which they came; returns what they returned. */
    emit<E extends keyof Events>(event: E, payload: Events[E]): unknown[] {
      const all = [...(listeners.get(event) ?? [])] as ((payload: Events[E]) => unknown)[]
      return all.map((listener) => attempt(() => listener(payload)))
    }
  }
}

/** Calls what an application has given. Its errors are its own: they are reported, and nothing here stops for them. */
export function attempt<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    report(error)
  }
}

/** Reports an error of the application as an uncaught one. */
export function report(error: unknown) {
  ;(globalThis.reportError ?? console.error)(error)
}
