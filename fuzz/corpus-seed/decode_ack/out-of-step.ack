HTTP/1.1 416 Range Not Satisfiable
BITS-Packet-Type: Ack
BITS-Received-Content-Range: 100
BITS-Error: 0x80070057
BITS-Error-Code: 0x80070057
BITS-Error-Context: 0x5
Content-Length: 0

