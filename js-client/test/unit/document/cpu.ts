/** Milliseconds of CPU time that a call takes in this process. Unlike elapsed time, it does not depend on other processes. */
export function cpuMs(call: () => void): number {
  const start = process.cpuUsage()
  call()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}
