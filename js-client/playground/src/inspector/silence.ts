/** How long a server may be silent, in milliseconds: before its answer, and between two parts of it. */
const SILENCE_MS = 20_000

/** As `fetch`, but it fails when the server is silent for too long. A long answer over a slow link may take any time. */
export async function fetchUnlessSilent(path: string, init: RequestInit): Promise<Response> {
  const silence = new AbortController()
  const signal = init.signal ? AbortSignal.any([init.signal, silence.signal]) : silence.signal
  let timer: ReturnType<typeof setTimeout> | undefined
  const end = () => clearTimeout(timer)
  const restart = () => {
    end()
    timer = setTimeout(() => silence.abort(new DOMException('The server is silent.', 'TimeoutError')), SILENCE_MS)
  }
  restart()
  try {
    const response = await fetch(path, { ...init, signal })
    if (!response.body) {
      end()
      return response
    }
    restart()
    const parts = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(part, output) {
        restart()
        output.enqueue(part)
      },
      flush: end
    })
    return new Response(response.body.pipeThrough(parts), response)
  } catch (error) {
    end()
    throw error
  }
}
