"""One end of a DTLS handshake: OpenSSL, with the settings of aiortc.

Reads nothing; prints its fingerprint, then the SRTP profile and keying material, then "closed" when the peer says so.
"""

import select
import socket
import sys

from aiortc import rtcdtlstransport as aiortc
from OpenSSL import SSL

role, port, profiles, closes = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(","), sys.argv[4] == "closes"


def say(line):
    print(line, flush=True)


certificate = aiortc.RTCCertificate.generateCertificate()
chosen = [getattr(aiortc, name) for name in profiles]
connection = SSL.Connection(certificate._create_ssl_context(srtp_profiles=chosen))
connection.set_accept_state() if role == "server" else connection.set_connect_state()
connection.set_ciphertext_mtu(1200)
path = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
path.bind(("127.0.0.1", 0))
path.connect(("127.0.0.1", port))
fingerprint = certificate.getFingerprints()[0]
say(f"{path.getsockname()[1]} {fingerprint.algorithm} {fingerprint.value}")


def flush():
    while True:
        try:
            path.send(connection.bio_read(1500))
        except SSL.Error:
            return


def wait():
    flush()
    timeout = connection.DTLSv1_get_timeout()
    if select.select([path], [], [], timeout)[0]:
        connection.bio_write(path.recv(4096))
    else:
        connection.DTLSv1_handle_timeout()


while True:
    try:
        connection.do_handshake()
        break
    except SSL.WantReadError:
        wait()
flush()
name = connection.get_selected_srtp_profile().decode()
profile = next(profile for profile in chosen if profile.openssl_profile.decode() == name)
length = 2 * (profile.key_length + profile.salt_length)
say(f"{name} {connection.export_keying_material(b'EXTRACTOR-dtls_srtp', length).hex()}")
if closes:
    sys.stdin.readline()
    connection.shutdown()
    flush()
while True:
    try:
        connection.recv(1)
    except SSL.WantReadError:
        wait()
    except SSL.ZeroReturnError:
        break
say("closed")
