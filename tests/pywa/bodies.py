#!/usr/bin/env python3
"""Sends one message of each kind with pywa and prints the bodies that pywa made of them.

What a client that nobody here wrote makes of the same wish is what our own request has to look like. Prints one JSON
object: kind to body.
"""

from __future__ import annotations

import json
import sys

from conformance import PERSON, connect, control, options
from pywa import types

LINK = "https://example.com/a"


def main() -> int:
    args = options()
    args.base_url = args.base_url.rstrip("/")
    control(args, "POST", "/reset")
    wa = connect(args)
    rows = [types.SectionRow(title="Row", callback_data="row", description="About it")]
    sends = {
        "text": lambda: wa.send_message(to=PERSON, text="Look", preview_url=True),
        "buttons": lambda: wa.send_message(
            to=PERSON, text="Pick", header="Head", footer="Foot",
            buttons=[types.Button(title="Yes", callback_data="y"), types.Button(title="No", callback_data="n")],
        ),
        "image buttons": lambda: wa.send_image(
            to=PERSON, image=LINK, caption="Which?", buttons=[types.Button(title="This", callback_data="this")]
        ),
        "list": lambda: wa.send_message(
            to=PERSON, text="Pick",
            buttons=types.SectionList(button_title="Menu", sections=[types.Section(title="A", rows=rows)]),
        ),
        "url": lambda: wa.send_message(to=PERSON, text="Look", buttons=types.URLButton(title="Open", url=LINK)),
        "voice call": lambda: wa.send_message(
            to=PERSON, text="Call", buttons=types.VoiceCallButton(title="Call us", ttl_minutes=10)
        ),
        "call permission": lambda: wa.send_message(
            to=PERSON, text="May we call?", buttons=types.CallPermissionRequestButton()
        ),
        "flow": lambda: wa.send_message(
            to=PERSON, text="Form",
            buttons=types.FlowButton(
                title="Start", flow_id="123", flow_token="tok",
                flow_action_type=types.FlowActionType.NAVIGATE, flow_action_screen="START",
                flow_action_payload={"a": 1},
            ),
        ),
        "image": lambda: wa.send_image(to=PERSON, image=LINK, caption="A dot"),
        "video": lambda: wa.send_video(to=PERSON, video=LINK, caption="Film"),
        "document": lambda: wa.send_document(to=PERSON, document=LINK, filename="p.pdf", caption="Read"),
        "audio": lambda: wa.send_audio(to=PERSON, audio=LINK),
        "voice": lambda: wa.send_voice(to=PERSON, voice=LINK),
        "sticker": lambda: wa.send_sticker(to=PERSON, sticker=LINK),
        "location": lambda: wa.send_location(to=PERSON, latitude=37.5, longitude=-122.25, name="HQ", address="Way 1"),
        "location request": lambda: wa.request_location(to=PERSON, text="Where are you?"),
        "contact info request": lambda: wa.request_contact_info(to=PERSON, text="Who are you?"),
        "contacts": lambda: wa.send_contact(
            to=PERSON,
            contact=types.Contact(
                name=types.Contact.Name(formatted_name="Ana Souza", first_name="Ana"),
                phones=[types.Contact.Phone(phone="+16505550001", type="WORK")],
            ),
        ),
        "catalog": lambda: wa.send_catalog(to=PERSON, body="All", thumbnail_product_sku="SKU1"),
        "product": lambda: wa.send_product(to=PERSON, catalog_id="1", sku="SKU1", body="This one"),
        "products": lambda: wa.send_products(
            to=PERSON, catalog_id="1", title="Some", body="Of these",
            product_sections=[types.ProductsSection(title="A", skus=["SKU1", "SKU2"])],
        ),
        "carousel": lambda: wa.send_carousel(
            to=PERSON, body="Cards",
            cards=[
                types.ImageCarouselCard(image=LINK, body=f"Card {n}", buttons=types.URLButton(title="Open", url=LINK))
                for n in range(2)
            ],
        ),
    }
    for send in sends.values():
        send()
    sent = control(args, "GET", "/sent?limit=1000")["sent"]
    print(json.dumps(dict(zip(sends, (entry["body"] for entry in sent), strict=True))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
