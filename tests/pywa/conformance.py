#!/usr/bin/env python3
"""Checks the simulator with pywa, a WhatsApp client nobody here wrote.

1. pywa's client sends each kind of message it supports; the simulator must accept it.
2. pywa uploads, resolves, downloads and deletes media, and manages templates and the number.
3. The simulator's own webhook posts go through pywa's challenge handler, its signature
   validator and its update parser; the parsed objects must say what was sent.

Usage:
    conformance.py --base-url http://127.0.0.1:8090 [--token T] [--phone-number-id N]
                   [--waba-id W] [--app-id A] [--app-secret S] [--verify-token V]

Every option can also come from the environment as SIMULATOR_BASE_URL, SIMULATOR_TOKEN and so on;
the defaults are those of the simulator's settings. Prints `ok <n> checks`; any failure prints what
was expected and exits with 1.
"""

from __future__ import annotations

import argparse
import base64
import http.server
import json
import logging
import os
import queue
import sys
import threading
import traceback
import urllib.error
import urllib.parse
import urllib.request

import httpx
from pywa import WhatsApp, types, utils
from pywa.errors import WhatsAppError
from pywa.types import templates as t

PERSON = "16505551234"
# The smallest files the simulator has to tell apart.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
WAIT_SECONDS = 20


class Failed(Exception):
    """A check that did not hold."""


class Checks:
    """Counts checks and stops at the first that fails."""

    def __init__(self) -> None:
        self.done = 0

    def that(self, holds: bool, what: str) -> None:
        if not holds:
            raise Failed(what)
        self.done += 1

    def equal(self, found: object, expected: object, what: str) -> None:
        self.that(found == expected, f"{what}: expected {expected!r}, found {found!r}")


class Complaints(logging.Handler):
    """pywa logs what it cannot parse instead of raising; here that is a failure."""

    def __init__(self) -> None:
        super().__init__(level=logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(logging.Formatter().format(record))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    defaults = {
        "base-url": "http://127.0.0.1:8090",
        "token": "simulator-access-token",
        "phone-number-id": "900000000000101",
        "waba-id": "900000000000201",
        "app-id": "900000000000001",
        "app-secret": "simulator-app-secret",
        "verify-token": "simulator-verify-token",
    }
    for name, default in defaults.items():
        variable = "SIMULATOR_" + name.upper().replace("-", "_")
        parser.add_argument(f"--{name}", default=os.environ.get(variable, default))
    return parser.parse_args()


def control(args: argparse.Namespace, method: str, path: str, body: object = None) -> dict:
    """One call of the simulator's control API."""
    request = urllib.request.Request(
        f"{args.base_url}/_sim{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
    )
    try:
        with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Failed(f"{method} /_sim{path}: HTTP {error.code} {error.read().decode()}") from error


def connect(args: argparse.Namespace) -> WhatsApp:
    """pywa's real client, pointed at the simulator."""
    session = httpx.Client(timeout=WAIT_SECONDS)
    client = WhatsApp(
        phone_id=args.phone_number_id,
        token=args.token,
        session=session,
        waba_id=args.waba_id,
        app_id=args.app_id,
        app_secret=args.app_secret,
        verify_token=args.verify_token,
    )
    # pywa writes Meta's address into the session it is given; only the host changes.
    version = str(session.base_url).rstrip("/").rsplit("/", 1)[1]
    session.base_url = f"{args.base_url}/{version}"
    return client


def check_sends(wa: WhatsApp, check: Checks) -> None:
    """Each kind of message, and that its id comes back."""
    image = wa.upload_media(PNG, mime_type="image/png", filename="dot.png")
    sticker = wa.upload_media(b"RIFF\x00\x00\x00\x00WEBP", mime_type="image/webp", filename="s.webp")
    voice = wa.upload_media(b"OggS" + bytes(32), mime_type="audio/ogg", filename="v.ogg")
    video = wa.upload_media(bytes(4) + b"ftypmp42", mime_type="video/mp4", filename="v.mp4")
    paper = wa.upload_media(b"%PDF-1.4", mime_type="application/pdf", filename="p.pdf")
    rows = [types.SectionRow(title=f"Row {n}", callback_data=f"row-{n}") for n in range(3)]
    first = wa.send_message(to=PERSON, text="Hello *world*", tracker="row-1")
    sent = {
        "text": first,
        "reply with preview": wa.send_message(
            to=PERSON, text="https://example.com", preview_url=True, reply_to_message_id=first.id
        ),
        "buttons": wa.send_message(
            to=PERSON, text="Pick", header="Head", footer="Foot",
            buttons=[types.Button(title="Yes", callback_data="y"), types.Button(title="No", callback_data="n")],
        ),
        "list": wa.send_message(
            to=PERSON, text="Pick",
            buttons=types.SectionList(button_title="Menu", sections=[types.Section(title="A", rows=rows)]),
        ),
        "url button": wa.send_message(
            to=PERSON, text="Look", buttons=types.URLButton(title="Open", url="https://example.com")
        ),
        "voice call button": wa.send_message(
            to=PERSON, text="Call", buttons=types.VoiceCallButton(title="Call us", ttl_minutes=10)
        ),
        "call permission": wa.send_message(
            to=PERSON, text="May we call?", buttons=types.CallPermissionRequestButton()
        ),
        "flow": wa.send_message(
            to=PERSON, text="Form",
            buttons=types.FlowButton(
                title="Start", flow_id="123", flow_token="tok",
                flow_action_type=types.FlowActionType.NAVIGATE, flow_action_screen="START",
            ),
        ),
        "image by id": wa.send_image(to=PERSON, image=image.id, caption="A dot"),
        "image by link": wa.send_image(to=PERSON, image="https://example.com/a.png"),
        "image uploaded on the way": wa.send_image(to=PERSON, image=PNG, mime_type="image/png"),
        "image with buttons": wa.send_image(
            to=PERSON, image=image.id, caption="Which?",
            buttons=[types.Button(title="This", callback_data="this")],
        ),
        "video": wa.send_video(to=PERSON, video=video.id, caption="Film"),
        "document": wa.send_document(to=PERSON, document=paper.id, filename="p.pdf", caption="Read"),
        "audio": wa.send_audio(to=PERSON, audio=voice.id),
        "voice": wa.send_voice(to=PERSON, voice=voice.id),
        "sticker": wa.send_sticker(to=PERSON, sticker=sticker.id),
        "reaction": wa.send_reaction(to=PERSON, emoji="👍", message_id=first.id),
        "reaction removed": wa.remove_reaction(to=PERSON, message_id=first.id),
        "location": wa.send_location(
            to=PERSON, latitude=37.4847, longitude=-122.1473, name="HQ", address="1 Hacker Way"
        ),
        "location request": wa.request_location(to=PERSON, text="Where are you?"),
        "contact info request": wa.request_contact_info(to=PERSON, text="Who are you?"),
        "contact": wa.send_contact(
            to=PERSON,
            contact=types.Contact(
                name=types.Contact.Name(formatted_name="Ana Souza", first_name="Ana"),
                phones=[types.Contact.Phone(phone="+16505550001", type="WORK")],
            ),
        ),
        "catalog": wa.send_catalog(to=PERSON, body="All we have", thumbnail_product_sku="SKU1"),
        "product": wa.send_product(to=PERSON, catalog_id="1", sku="SKU1", body="This one"),
        "products": wa.send_products(
            to=PERSON, catalog_id="1", title="Some", body="Of these",
            product_sections=[types.ProductsSection(title="A", skus=["SKU1", "SKU2"])],
        ),
        "carousel": wa.send_carousel(
            to=PERSON, body="Cards",
            cards=[
                types.ImageCarouselCard(
                    image="https://example.com/a.png", body=f"Card {n}",
                    buttons=types.URLButton(title="Open", url="https://example.com"),
                )
                for n in range(2)
            ],
        ),
    }
    for kind, message in sent.items():
        check.that(message.id.startswith("wamid."), f"{kind}: the id is {message.id!r}")
    check.equal(len({message.id for message in sent.values()}), len(sent), "ids differ")
    check.equal(first.input, PERSON, "the answer repeats the recipient")


def check_refusals(wa: WhatsApp, check: Checks) -> None:
    """Errors become pywa's typed exceptions."""
    cases = {
        "text that is too long": (lambda: wa.send_message(to=PERSON, text="x" * 4097), 131009),
        "unknown media": (lambda: wa.send_image(to=PERSON, image="123456"), 131009),
        "unknown template": (
            lambda: wa.send_template(to=PERSON, name="nope", language=t.TemplateLanguage.ENGLISH, params=[]),
            132001,
        ),
        "recipient that is no number": (lambda: wa.send_message(to="12", text="x"), 131009),
    }
    for what, (action, code) in cases.items():
        try:
            action()
        except WhatsAppError as error:
            check.equal(error.code, code, f"error code of {what}")
            check.that(bool(error.fbtrace_id), f"{what} has a trace id")
        else:
            raise Failed(f"{what} was accepted")


def check_media(wa: WhatsApp, check: Checks) -> None:
    media = wa.upload_media(PNG, mime_type="image/png", filename="dot.png")
    resolved = wa.get_media_url(media.id)
    check.equal(resolved.mime_type, "image/png", "MIME type of the media")
    check.equal(resolved.file_size, len(PNG), "size of the media")
    check.equal(wa.get_media_bytes(resolved.url), PNG, "bytes of the media")
    check.that(bool(wa.delete_media(media.id)), "the media is deleted")
    try:
        wa.get_media_url(media.id)
    except WhatsAppError as error:
        check.equal(error.code, 100, "error code of deleted media")
    else:
        raise Failed("deleted media can still be resolved")


def check_templates(wa: WhatsApp, check: Checks) -> None:
    body = t.BodyText("Order {{order}} ships {{day}}.", order="12", day="today")
    template = t.Template(
        name="pywa_order",
        language=t.TemplateLanguage.ENGLISH_US,
        category=t.TemplateCategory.UTILITY,
        parameter_format=t.ParamFormat.NAMED,
        components=[
            t.HeaderText("Your order"),
            body,
            t.FooterText(text="Thank you"),
            t.Buttons(buttons=[
                t.QuickReplyButton(text="Thanks"),
                t.URLButton(text="Track", url="https://example.com/track"),
            ]),
        ],
    )
    wa.delete_template("pywa_order") if any(
        found.name == "pywa_order" for found in wa.get_templates(name="pywa_order")
    ) else None
    created = wa.create_template(template)
    check.equal(created.status, t.TemplateStatus.APPROVED, "status of a new template")
    found = list(wa.get_templates(name="pywa_order"))
    check.equal([one.name for one in found], ["pywa_order"], "templates by name")
    check.equal(wa.get_template(created.id).name, "pywa_order", "template by id")
    sent = wa.send_template(
        to=PERSON, name="pywa_order", language=t.TemplateLanguage.ENGLISH_US,
        params=[body.params(order="77", day="tomorrow")],
    )
    check.that(sent.id.startswith("wamid."), "a template can be sent")
    check.that(bool(wa.delete_template("pywa_order")), "a template can be deleted")


def check_number(args: argparse.Namespace, wa: WhatsApp, check: Checks) -> None:
    number = wa.get_business_phone_number()
    check.equal(number.id, args.phone_number_id, "id of the number")
    check.that(bool(number.verified_name), "the number has a verified name")
    numbers = list(wa.get_business_phone_numbers())
    check.that(any(one.id == args.phone_number_id for one in numbers), "the account lists its number")
    check.equal(wa.get_business_account().id, args.waba_id, "id of the account")
    check.that(bool(wa.update_business_profile(about="Open all day", websites=["https://example.com"])), "profile")
    check.equal(wa.get_business_profile().about, "Open all day", "about text of the profile")
    token = wa.get_app_access_token(app_id=int(args.app_id), app_secret=args.app_secret)
    check.that(bool(token), "the app gets a token")


class Webhook:
    """A local server that hands each post to pywa, and what pywa made of it."""

    def __init__(self, wa: WhatsApp) -> None:
        self.updates: queue.Queue[object] = queue.Queue()
        self.problems: queue.Queue[str] = queue.Queue()
        for decorate in (
            wa.on_message, wa.on_callback_button, wa.on_callback_selection, wa.on_message_status,
            wa.on_flow_completion, wa.on_edited_message, wa.on_deleted_message,
        ):
            decorate(lambda _, update: self.updates.put(update))
        webhook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, status: int, body: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def do_GET(self) -> None:
                asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                body, status = wa.webhook_challenge_handler(asked.get(utils.HUB_VT), asked.get(utils.HUB_CH))
                self.answer(status, body or "")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not body.isascii():
                    webhook.problems.put("a post is not ASCII")
                refused = wa.webhook_update_validator(body, self.headers.get(utils.HUB_SIG))
                if refused is not None:
                    webhook.problems.put(f"pywa refuses the signature: {refused}")
                    self.answer(refused[1], refused[0])
                    return
                text, status = wa.webhook_update_handler(body)
                self.answer(status, text)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self, kind: type, what: str) -> object:
        """The next update, which must be of a type."""
        try:
            update = self.updates.get(timeout=WAIT_SECONDS)
        except queue.Empty:
            raise Failed(f"{what}: no update came within {WAIT_SECONDS} s") from None
        if not self.problems.empty():
            raise Failed(f"{what}: {self.problems.get()}")
        if not isinstance(update, kind):
            raise Failed(f"{what}: expected {kind.__name__}, pywa parsed {type(update).__name__}")
        return update


def check_messages(args: argparse.Namespace, hook: Webhook, sent_id: str, check: Checks) -> None:
    """Everything a phone can send, as pywa understands it."""

    def inject(message: dict) -> str:
        message["phone_number_id"] = args.phone_number_id
        return control(args, "POST", f"/phones/{PERSON}/messages", message)["id"]

    def received(what: str, message: dict, kind: type = types.Message) -> object:
        wamid = inject(message)
        update = hook.next(kind, what)
        check.equal(update.id, wamid, f"id of {what}")
        check.equal(update.from_user.wa_id, PERSON, f"sender of {what}")
        check.equal(update.metadata.phone_number_id, args.phone_number_id, f"number of {what}")
        return update

    text = received("text", {"type": "text", "text": "¿Qué tal? 😀 a/b"})
    check.equal(text.text, "¿Qué tal? 😀 a/b", "text with escapes")
    check.equal(text.from_user.name, "José Ñandú", "profile name")
    check.that(text.from_user.bsuid.startswith("US."), "the sender has a BSUID")
    reply = received("reply", {"type": "text", "text": "Yes", "context": {"message_id": sent_id}})
    check.equal(reply.reply_to_message.id, sent_id, "message replied to")
    data = base64.b64encode(PNG).decode()
    for kind, mime in {
        "image": "image/png", "video": "video/mp4", "document": "application/pdf",
        "audio": "audio/ogg; codecs=opus", "sticker": "image/webp",
    }.items():
        message = received(kind, {"type": kind, kind: {"data": data, "mime_type": mime, "filename": "f"}})
        check.equal(message.media.mime_type, mime, f"MIME type of {kind}")
        check.equal(message.get_media_bytes(), PNG, f"bytes of {kind}")
    place = received("location", {"type": "location", "location": {"latitude": 1.5, "longitude": -2.25}})
    check.equal((place.location.latitude, place.location.longitude), (1.5, -2.25), "location")
    cards = [{"name": {"formatted_name": "Ana", "first_name": "Ana"},
              "phones": [{"phone": "+16505550001", "wa_id": "16505550001", "type": "CELL"}]}]
    contact = received("contacts", {"type": "contacts", "contacts": cards})
    check.equal(contact.contacts[0].name.formatted_name, "Ana", "name on the card")
    reaction = received("reaction", {"type": "reaction", "reaction": {"message_id": sent_id, "emoji": "❤️"}})
    check.equal(reaction.reaction.emoji, "❤️", "emoji")
    received("reaction removed", {"type": "reaction", "reaction": {"message_id": sent_id}})
    order = received("order", {"type": "order", "order": {"catalog_id": "1", "text": "Soon", "product_items": [
        {"product_retailer_id": "SKU1", "quantity": 2, "item_price": 7.99, "currency": "USD"}]}})
    check.equal(order.order.products[0].sku, "SKU1", "ordered product")
    unsupported = received("unsupported", {"type": "unsupported"})
    check.equal(unsupported.error.code, 131051, "error of an unsupported message")
    context = {"message_id": sent_id}
    button = received("button", {"type": "button_reply", "button_reply": {"id": "y", "title": "Yes"},
                                 "context": context}, types.CallbackButton)
    check.equal((button.data, button.title), ("y", "Yes"), "pressed button")
    row = received("list", {"type": "list_reply", "list_reply": {"id": "row-1", "title": "Row 1"},
                            "context": context}, types.CallbackSelection)
    check.equal((row.data, row.title), ("row-1", "Row 1"), "chosen row")
    quick = received("quick reply", {"type": "button", "button": {"payload": "P", "text": "Thanks"},
                                     "context": context}, types.CallbackButton)
    check.equal(quick.data, "P", "payload of a quick reply")
    flow = received("flow", {"type": "nfm_reply", "nfm_reply": {
        "name": "flow", "body": "Sent", "response_json": json.dumps({"flow_token": "tok", "a": 1})},
        "context": context}, types.FlowCompletion)
    check.equal(flow.token, "tok", "token of a flow")
    edit = received("edit", {"type": "edit", "edit": {"original_message_id": text.id, "message": {
        "type": "text", "text": {"body": "Fixed"}}}}, types.EditedMessage)
    check.equal(edit.original_message_id, text.id, "edited message")
    revoked = received("revoke", {"type": "revoke", "revoke": {"original_message_id": text.id}},
                       types.DeletedMessage)
    check.equal(revoked.original_message_id, text.id, "deleted message")


def check_statuses(args: argparse.Namespace, wa: WhatsApp, hook: Webhook, check: Checks) -> str:
    """sent, delivered and read of one message; returns its id."""
    sent = wa.send_message(to=PERSON, text="Watch me", tracker="row-42")
    for expected in (types.MessageStatusType.SENT, types.MessageStatusType.DELIVERED, types.MessageStatusType.READ):
        status = hook.next(types.MessageStatus, f"status {expected.value}")
        check.equal(status.status, expected, "order of the statuses")
        check.equal(status.id, sent.id, "message of the status")
        check.equal(status.tracker, "row-42", "callback data of the status")
        check.equal(status.from_user.wa_id, PERSON, "recipient of the status")
        if expected is not types.MessageStatusType.READ:
            check.equal(status.pricing.model.value, "PMP", "pricing model")
    return sent.id


def check_webhooks(args: argparse.Namespace, wa: WhatsApp, check: Checks) -> None:
    control(args, "PUT", f"/phones/{PERSON}", {"name": "José Ñandú"})
    hook = Webhook(wa)
    verified = control(args, "POST", "/webhook", {"url": hook.url, "verify_token": args.verify_token})
    check.that(verified["verified"], "pywa answers the challenge")
    sent_id = check_statuses(args, wa, hook, check)
    check_messages(args, hook, sent_id, check)
    wamid = control(args, "POST", f"/phones/{PERSON}/messages",
                    {"type": "text", "text": "Read me", "phone_number_id": args.phone_number_id})["id"]
    hook.next(types.Message, "message to be marked as read")
    check.that(bool(wa.mark_message_as_read(wamid)), "a message can be marked as read")
    check.that(bool(wa.indicate_typing(wamid)), "typing can be shown")
    check.equal(control(args, "GET", f"/messages/{wamid}")["status"], "read", "the phone sees that it was read")
    left = control(args, "GET", f"/pending?wait_ms={WAIT_SECONDS * 500}")
    check.equal(left["pending"], 0, "every webhook was acknowledged")
    check.that(hook.problems.empty(), "no post was refused")


def main() -> int:
    args = options()
    args.base_url = args.base_url.rstrip("/")
    complaints = Complaints()
    logging.getLogger("pywa").addHandler(complaints)
    check = Checks()
    try:
        control(args, "POST", "/reset")
        control(args, "DELETE", "/webhook")
        control(args, "PUT", "/faults", {"sent_ms": 10, "delivered_ms": 10, "read_ms": 10})
        wa = connect(args)
        check_number(args, wa, check)
        check_sends(wa, check)
        check_refusals(wa, check)
        check_media(wa, check)
        check_templates(wa, check)
        # What was sent so far reaches its last status before anybody listens.
        control(args, "GET", f"/pending?wait_ms={WAIT_SECONDS * 500}")
        check_webhooks(args, wa, check)
        check.equal(complaints.texts, [], "errors logged by pywa")
    except Exception as error:
        # Whatever pywa chokes on is a finding; what is not our own check shows where.
        if not isinstance(error, Failed):
            traceback.print_exc()
        print(f"FAILED after {check.done} checks: {error!r}", file=sys.stderr)
        for text in complaints.texts:
            print(text, file=sys.stderr)
        return 1
    print(f"ok {check.done} checks")
    return 0


if __name__ == "__main__":
    sys.exit(main())
