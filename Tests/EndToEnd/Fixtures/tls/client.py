"""Asks a server over TLS and prints what it saw, a line each: version, cipher, certificate, status.

    client.py PORT CA HOST get [VERSION]      one request
    client.py PORT CA HOST reload PID         a request, SIGHUP, and, when new connections get
                                              another certificate, a request on the old one
"""

import hashlib
import os
import signal
import socket
import ssl
import sys
import time

port, authority, host = int(sys.argv[1]), sys.argv[2], sys.argv[3]


def opened(verified=True, version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    if verified:
        context.load_verify_locations(authority)
    else:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1
    if version:
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    return context.wrap_socket(plain, server_hostname=host)


def fingerprint(connection):
    return hashlib.sha256(connection.getpeercert(binary_form=True)).hexdigest()[:16]


def status(connection):
    connection.sendall(f"GET /api/health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    data = b""
    while not data.endswith(b'{"status":"ok"}'):
        data += connection.recv(65536) or sys.exit("the server closed the connection")
    return data.split()[1].decode()


if sys.argv[4] == "get":
    try:
        connection = opened(version=sys.argv[5] if len(sys.argv) > 5 else None)
    except (ssl.SSLError, ConnectionResetError) as error:
        print("refused", getattr(error, "reason", error))
        sys.exit(0)
    print(connection.version(), connection.cipher()[0], fingerprint(connection),
          status(connection), sep="\n")
else:
    connection = opened()
    before = fingerprint(connection)
    print(status(connection))
    os.kill(int(sys.argv[5]), signal.SIGHUP)
    for _ in range(400):
        if fingerprint(opened(verified=False)) != before:
            break
        time.sleep(0.05)
    else:
        sys.exit("the certificate did not change")
    print(status(connection))
