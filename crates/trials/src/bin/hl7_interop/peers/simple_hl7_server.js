// simple-hl7: keeps what it is sent, answers as it does by itself. Arguments: port, file.
const { appendFileSync } = require('node:fs')
const hl7 = require('simple-hl7')

const [port, file] = process.argv.slice(2)
const app = hl7.tcp()
app.use((request, response, next) => {
  appendFileSync(file, JSON.stringify(request.msg.toString()) + '\n')
  next()
})
app.use((request, response) => response.end())
app.use((error, request, response, next) => {
  console.error(error)
  next()
})
app.start(Number(port))
