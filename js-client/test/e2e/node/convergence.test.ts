// Many real clients and the real server: after any faults of the network and the server, all of them agree,
// and no change is lost or duplicated.
import { describe } from 'vitest'
import { disturb, expectAgreement, gather, pause, work, workingTime } from '../harness/crowd.ts'
import { test } from '../harness/world.ts'

describe('twenty clients in three rooms agree', { timeout: workingTime + 120_000 }, () => {
  test('on a quiet network', async ({ world }) => {
    const server = await world.server()
    const members = await gather(world, server, { clients: 20, rooms: 3 })
    await work(members, world.random)
    await expectAgreement(members, server)
  })

  test('on networks that cut, stall, refuse, answer with pages and lose answers', async ({ world }) => {
    const server = await world.server('--heartbeat-ms', '1000')
    const members = await gather(world, server, { clients: 20, rooms: 3, relayed: true })
    const relays = members.flatMap(({ relay }) => relay ?? [])
    let working = true
    await Promise.all([
      work(members, world.random, () => relays.some((relay) => relay.lost > 0)).finally(() => (working = false)),
      ...relays.map((relay) => disturb(relay, world.random, () => working))
    ])
    await expectAgreement(members, server)
  })

  test('while the server is killed and restarted', async ({ world }) => {
    const server = await world.server()
    const members = await gather(world, server, { clients: 20, rooms: 3 })
    let working = true
    let kills = 0
    async function killAgainAndAgain() {
      while (working) {
        await pause(300 + world.random.below(900))
        await server.kill()
        kills++
        await pause(world.random.below(300))
        await server.start()
      }
    }
    await Promise.all([work(members, world.random, () => kills > 1).finally(() => (working = false)), killAgainAndAgain()])
    await expectAgreement(members, server)
  })
})
