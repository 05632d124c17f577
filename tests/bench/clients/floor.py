"""The floor: one bare send of a constant line for each reading, until all have arrived. PORT COUNT COLLECTING PAUSE_MS"""

import socket
import sys
from time import sleep_ms

from timing import LINE, Watch

port, count, collecting, pause = [int(text) for text in sys.argv[1:]]
sock = socket.socket()
sock.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
sock.send(b"RAW %08d\n" % (count * len(LINE)))

watch = Watch(collecting)
for _ in range(count):
    sock.send(LINE)
    if pause:
        sleep_ms(pause)
sock.recv(1)
watch.tell(count)
