// simple-hl7: sends the messages of a file, one after the other, and prints their answers. Arguments: port, file.
const { readFileSync } = require('node:fs')
const hl7 = require('simple-hl7')

const [port, file] = process.argv.slice(2)
const messages = JSON.parse(readFileSync(file, 'utf8'))
const client = hl7.Server.createTcpClient({ host: '127.0.0.1', port: Number(port), keepalive: true })
const parser = new hl7.Parser({ segmentSeperator: '\r' })
const send = (place) => {
  if (place === messages.length) process.exit(0)
  client.send(parser.parse(messages[place]), (error, ack) => {
    if (error) {
      console.error(error)
      process.exit(1)
    }
    console.log(JSON.stringify(ack.toString()))
    // It still counts as waiting while it calls back.
    setImmediate(() => send(place + 1))
  })
}
send(0)
