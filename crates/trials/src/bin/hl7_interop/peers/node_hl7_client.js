// node-hl7-client: sends the messages of a file, one after the other, and prints their answers. Arguments: port, file.
const { readFileSync } = require('node:fs')
const { Client, Message } = require('node-hl7-client')

const [port, file] = process.argv.slice(2)
const messages = JSON.parse(readFileSync(file, 'utf8'))
let sent = 0
const next = async () => {
  if (sent === messages.length) process.exit(0)
  sent += 1
  await connection.sendMessage(new Message({ text: messages[sent - 1] }))
}
const client = new Client({ host: '127.0.0.1' })
const connection = client.createConnection({ port: Number(port) }, async (response) => {
  console.log(JSON.stringify(response.getMessage().toString()))
  // It still counts as waiting while it calls back.
  setImmediate(next)
})
connection.on('error', (error) => {
  console.error(error)
  process.exit(1)
})
connection.on('connect', next)
