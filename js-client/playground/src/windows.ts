/**
 * Messages between the windows of this browser that show the page. Returns the function that sends one to the others; it does
 * nothing if the browser blocks such messages.
 */
export function openChannel<Message>(name: string, received: (message: Message) => void): (message: Message) => void {
  try {
    const channel = new BroadcastChannel(name)
    channel.addEventListener('message', ({ data }) => received(data as Message))
    return (message) => channel.postMessage(message)
  } catch {
    return () => {}
  }
}
