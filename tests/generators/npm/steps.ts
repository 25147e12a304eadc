// The steps of every program. Each prints a line when it has succeeded.
import { createParser } from 'eventsource-parser'

export const server = process.env.PATHSYNC_URL!
export const token = process.env.PATHSYNC_TOKEN!
export const room = process.env.PATHSYNC_ROOM!

/** What a generated client returns: the body of a success, or a problem. */
export interface Answer<T> {
  value?: T
  problem?: { code: string; retryable: boolean; errors?: { pointer: string }[] }
  retryAfter?: string | null
}

/** A batch's result, a room and a page of changes, as far as the steps use them. */
interface Result {
  serverSeq: number
  results: { status: string; arrayIndex?: number }[]
}
interface Room {
  epoch: string
  stores: Record<string, { state?: unknown }>
}
interface Changes {
  changes: { serverSeq: number; ops: { path: string; op: string; value?: unknown }[] }[]
}

/** The requests of a program, made with its generated client and with batches of its generated type. */
export interface Client<Batch> {
  addAndSet: Batch
  title: Batch
  invalid: Batch
  flood: Batch
  post(batch: Batch): Promise<Answer<Result>>
  read(): Promise<Answer<Room>>
  readWithoutToken(): Promise<Answer<Room>>
  poll(after: string): Promise<Answer<Changes>>
  /** Calls `on` for each event after a position, until it returns true. Absent if the client cannot stream. */
  stream?(after: string, on: (event: string, data: any) => boolean): Promise<void>
}

export async function run<Batch>(client: Client<Batch>): Promise<void> {
  setTimeout(() => fail('still running after a minute'), 60_000).unref()
  const refused = await client.readWithoutToken()
  check(refused.problem?.code === 'unauthenticated', refused)
  console.log('401')

  const added = await client.post(client.addAndSet)
  check(added.value?.serverSeq === 1 && added.value.results[0]?.arrayIndex === 0, added)
  console.log('post')

  const read = await client.read()
  const state = JSON.stringify(read.value?.stores.default?.state)
  check(state === '{"tasks":[{"_sync_id":"t1","title":"Write","done":true}]}', read)
  console.log('read')

  const after = `${read.value?.epoch}-1`
  const polled = client.poll(after)
  await client.post(client.title)
  const [change] = (await polled).value?.changes ?? []
  check(change?.serverSeq === 2 && change.ops[0]?.op === 'set' && change.ops[0].value === 'Launch', await polled)
  console.log('poll')

  if (client.stream) {
    await client.stream(after, (event, data) => event === 'delta' && data.serverSeq === 2 && data.ops[0].path === 'title')
    console.log('stream')
  }

  const invalid = await client.post(client.invalid)
  check(invalid.problem?.code === 'invalid_request' && invalid.problem.errors?.[0]?.pointer === '/ops/0/path', invalid)
  console.log('422')

  let flood = await client.post(client.flood)
  while (flood.value) flood = await client.post(client.flood)
  check(flood.problem?.code === 'rate_limited' && flood.problem.retryable && Number(flood.retryAfter) > 0, flood)
  console.log('429')
  process.exit()
}

/** Reads the events of a body, for clients that return it unread. */
export async function events(body: ReadableStream<Uint8Array>, on: (event: string, data: any) => boolean): Promise<void> {
  let done = false
  const parser = createParser({ onEvent: ({ event, data }) => { done ||= on(event ?? 'message', JSON.parse(data)) } })
  const decoder = new TextDecoder()
  for await (const bytes of body as unknown as AsyncIterable<Uint8Array>) {
    parser.feed(decoder.decode(bytes, { stream: true }))
    if (done) return
  }
  fail('the stream ended')
}

function check(ok: boolean, got: unknown): void {
  if (!ok) fail(`unexpected: ${JSON.stringify(got)}`)
}

function fail(reason: string): never {
  console.error(reason)
  process.exit(1)
}
