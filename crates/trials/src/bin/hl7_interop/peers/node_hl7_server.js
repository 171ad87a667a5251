// node-hl7-server: keeps what it is sent, answers as it does by itself. Arguments: port, file.
const { appendFileSync } = require('node:fs')
const { Server } = require('node-hl7-server')

const [port, file] = process.argv.slice(2)
const server = new Server({ bindAddress: '127.0.0.1' })
server.createInbound({ port: Number(port) }, async (request, response) => {
  appendFileSync(file, JSON.stringify(request.getMessage().toString()) + '\n')
  await response.sendResponse('AA')
})
