"""Makes a container in Azurite, whose account and key are in its documentation: nothing makes one on demand.

Usage: make_container.py http://127.0.0.1:10000 name account key
"""

import base64
import datetime
import hashlib
import hmac
import sys
import urllib.request

url, name, account, key = sys.argv[1:5]
version = "2023-11-03"
date = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
path = f"/{account}/{name}"
# https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
to_sign = (
    "PUT" + "\n" * 12
    + f"x-ms-date:{date}\nx-ms-version:{version}\n"
    + f"/{account}{path}\nrestype:container"
)
signature = base64.b64encode(hmac.new(base64.b64decode(key), to_sign.encode(), hashlib.sha256).digest()).decode()
request = urllib.request.Request(
    f"{url}{path}?restype=container",
    method="PUT",
    headers={
        "x-ms-date": date,
        "x-ms-version": version,
        "Content-Length": "0",
        "Authorization": f"SharedKey {account}:{signature}",
    },
)
with urllib.request.urlopen(request) as answer:
    print(answer.status)
