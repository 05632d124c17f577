"""micropython-lib's umqtt.simple, until the broker has taken everything. PORT COUNT COLLECTING PAUSE_MS QOS"""

import sys
from time import sleep_ms

from timing import Watch, line
from umqtt.simple import MQTTClient

_IPPROTO_TCP = 6
_TCP_NODELAY = 1

port, count, collecting, pause, qos = [int(text) for text in sys.argv[1:]]
client = MQTTClient(b"board", "127.0.0.1", port)
client.connect()
if qos:  # as shipped, Nagle's algorithm and the delayed acknowledgement wait for each other: 23 a second
    client.sock.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)

watch = Watch(collecting)
for n in range(count):
    client.publish(b"t", line(n), qos=qos)
    if pause:
        sleep_ms(pause)
if not qos:
    client.publish(b"end", b"", qos=1)  # its acknowledgement comes after all that was published before
watch.tell(count)
