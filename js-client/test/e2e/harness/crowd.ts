// Many clients that edit the same rooms at once, and the proof that they agree in the end.
import { expect } from 'vitest'
import type { Client, Document, Room } from '../../../src/index.ts'
import { addMark, edit, emptyProject, type Project } from './project.ts'
import type { Relay } from './relay.ts'
import type { Random } from './random.ts'
import type { Server } from './server.ts'
import type { World } from './world.ts'

/**
 * How long a crowd works, in milliseconds. `PATHSYNC_SOAK=10m`, shared by the scenarios, makes it much longer than the
 * seconds that every run of the tests has.
 */
export const workingTime = process.env.PATHSYNC_SOAK ? milliseconds(process.env.PATHSYNC_SOAK) / 3 : 3_000

export interface Member {
  readonly client: Client
  readonly room: Room
  readonly document: Document<Project>
  /** The network between this client and the server, if it has a separate one. */
  readonly relay: Relay | undefined
  /** The ids of all marks that it has added. */
  readonly marks: string[]
}

export interface CrowdOptions {
  clients: number
  rooms: number
  /** Gives each client a separate network, which can have faults. */
  relayed?: boolean
}

/** Clients in rooms, distributed evenly. All of them have the same initial state. */
export async function gather(world: World, server: Server, options: CrowdOptions): Promise<Member[]> {
  const members: Member[] = []
  for (let number = 0; number < options.clients; number++) {
    const relay = options.relayed ? await world.relay(server) : undefined
    const client = world.client(relay ?? server, { clientId: `client-${number}`, heartbeatMs: 1_000 })
    const room = client.room(`room-${number % options.rooms}`)
    members.push({ client, room, document: room.document('default', { initial: emptyProject }), relay, marks: [] })
  }
  return members
}

/**
 * Lets all clients edit for `workingTime`, and until `enough` returns true. Every third edit is a mark. The time is the sum
 * of the pauses, so that a machine that stalls does not shorten the work.
 */
export async function work(members: readonly Member[], random: Random, enough = () => true): Promise<void> {
  await Promise.all(
    members.map(async ({ client, document, marks }) => {
      for (let count = 0, worked = 0; worked < workingTime || !enough(); count++) {
        const name = `${client.clientId}:${count}`
        if (count % 3) {
          edit(document, random, name)
        } else {
          addMark(document, name)
          marks.push(name)
        }
        const ms = 20 + random.below(100)
        worked += ms
        await pause(ms)
      }
    })
  )
}

/** Applies one network fault after the other while the clients edit. */
export async function disturb(relay: Relay, random: Random, working: () => boolean): Promise<void> {
  while (working()) {
    await pause(random.below(600))
    random.pick([
      () => relay.cut(),
      () => relay.cut(),
      () => relay.set({ stall: true }),
      () => relay.set({ refuse: true }),
      () => relay.set({ delay: random.below(50) }),
      () => relay.set({ loseAnswers: random() / 2 }),
      () => relay.set({ loseAnswers: random() / 2 }),
      () => relay.set({ answer: badGateway })
    ])()
    await pause(random.below(400))
    relay.set({ stall: false, refuse: false, answer: undefined })
  }
  relay.heal()
}

/** The answer of a proxy whose server is unreachable: a page of HTML. */
export const badGateway = response('502 Bad Gateway', 'text/html', '<html><h1>502 Bad Gateway</h1></html>')

export function response(status: string, type: string, body: string): string {
  return `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
}

/**
 * Waits until no client has pending changes, and then expects that all clients have the state of the server, that no mark is
 * lost or duplicated, and that no batch was committed twice.
 */
export async function expectAgreement(members: readonly Member[], server: Server, timeout = 60_000): Promise<void> {
  const waiting = () =>
    members
      .filter(({ room: { status } }) => !status.connected || status.pendingChanges)
      .map(({ client, room: { status } }) => `${client.clientId}: ${JSON.stringify(status)}`)
  await expect.poll(waiting, { timeout, message: 'clients that are not up to date' }).toEqual([])

  for (const name of new Set(members.map(({ room }) => room.name))) {
    const inRoom = members.filter(({ room }) => room.name === name)
    const project = (await server.snapshot(name)).stores.default?.state as Project | undefined
    for (const { client, document } of inRoom) {
      await expect.poll(() => document.state, { message: client.clientId }).toEqual(project)
    }

    const marks = project?.marks.map((mark) => mark._sync_id) ?? []
    expect(marks.toSorted()).toEqual(inRoom.flatMap((member) => member.marks).toSorted())

    const history = await server.history(name)
    const batches = history.map(({ clientId, clientSeq }) => `${clientId} ${clientSeq}`)
    expect(batches).toEqual([...new Set(batches)])
    const added = history.flatMap(({ ops }) => ops).filter((op) => op.op === 'array_add' && op.path === 'marks')
    expect(added.length).toBe(marks.length)
  }
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Reads durations such as `90s` and `10m`. */
function milliseconds(text: string): number {
  const [, amount, unit] = /^(\d+)(s|m|h)$/.exec(text) ?? []
  if (!amount) throw new Error(`duration "${text}": the format is a number and a unit, such as 90s, 10m or 1h`)
  return Number(amount) * { s: 1_000, m: 60_000, h: 3_600_000 }[unit as 's' | 'm' | 'h']
}
