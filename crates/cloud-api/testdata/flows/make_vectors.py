"""Makes vectors.json and token.jwt with an implementation that shares no code with ours.

    python3 -m venv venv && venv/bin/pip install cryptography==50.0.2 && venv/bin/python make_vectors.py

Keys, vectors and paddings are fresh at each run, so the files change; the tests do not care. The steps are those of
Meta's own Python sample ("Implementing Endpoint for Flows", "Python Django Example"), seen from the phone.
"""

import base64
import hashlib
import hmac
import json
import os
import pathlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

FOLDER = pathlib.Path(__file__).parent


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def seal(key: bytes, iv: bytes, text: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.GCM(iv)).encryptor()
    return encryptor.update(text) + encryptor.finalize() + encryptor.tag


def exchange(public_key, request: dict, answer: dict) -> dict:
    aes_key, iv = os.urandom(16), os.urandom(16)
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    answer_text = json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()
    return {
        "body": {
            "encrypted_flow_data": b64(seal(aes_key, iv, json.dumps(request).encode())),
            "encrypted_aes_key": b64(public_key.encrypt(aes_key, oaep)),
            "initial_vector": b64(iv),
        },
        "request": request,
        "answer": answer_text.decode(),
        "encrypted_answer": b64(seal(aes_key, bytes(b ^ 0xFF for b in iv), answer_text)),
    }


def jwt(secret: bytes, claims: dict) -> str:
    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    signed = part(b'{"alg":"HS256","typ":"JWT"}') + "." + part(json.dumps(claims).encode())
    return signed + "." + part(hmac.new(secret, signed.encode(), hashlib.sha256).digest())


def main() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public_key = key.public_key()
    vectors = {
        "private_key_pem": key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
        "public_key_pem": public_key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode(),
        "exchanges": [
            exchange(public_key, {"version": "3.0", "action": "ping"}, {"data": {"status": "active"}}),
            exchange(
                public_key,
                {"version": "3.0", "action": "INIT", "flow_token": "token-1"},
                {"screen": "ORDER", "data": {"flowers": [{"id": "tulip", "title": "Tulpen für dich 🌷"}]}},
            ),
            exchange(
                public_key,
                {
                    "version": "4.0",
                    "action": "data_exchange",
                    "screen": "ORDER",
                    "data": {"flower": "tulip", "note": "schön / 美しい", "count": 3},
                    "flow_token": "token-1",
                    "flow_token_signature": "a.b.c",
                    "added_later": {"x": [1, 2]},
                },
                {"screen": "SUCCESS", "data": {"extension_message_response": {"params": {"flow_token": "token-1"}}}},
            ),
            exchange(
                public_key,
                {
                    "version": "3.0",
                    "action": "data_exchange",
                    "screen": "ORDER",
                    "flow_token": "token-1",
                    "data": {"error": "invalid-screen-transition", "error_message": "no such screen"},
                },
                {"data": {"acknowledged": True}},
            ),
        ],
    }
    text = json.dumps(vectors, indent=2, ensure_ascii=False) + "\n"
    (FOLDER / "vectors.json").write_text(text, encoding="utf-8")
    (FOLDER / "token.jwt").write_text(jwt(b"secret", {"flow_token": "token-1"}) + "\n")


if __name__ == "__main__":
    main()
