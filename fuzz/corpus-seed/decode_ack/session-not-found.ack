HTTP/1.1 500 Internal Server Error
BITS-Packet-Type: Ack
BITS-Error-Code: 0x8020001F
BITS-Error-Context: 0x5
BITS-Session-Id: token
Content-Length: 0

