"""micropython-lib's requests, one POST for each reading. PORT COUNT COLLECTING PAUSE_MS"""

import sys
from time import sleep_ms

import requests
from timing import Watch, line

port, count, collecting, pause = [int(text) for text in sys.argv[1:]]
url = f"http://127.0.0.1:{port}/"

watch = Watch(collecting)
for n in range(count):
    requests.post(url, data=line(n)).close()
    if pause:
        sleep_ms(pause)
watch.tell(count)
