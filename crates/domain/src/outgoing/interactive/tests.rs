use serde_json::{Value, json};

use super::super::tests::problem;

/// What is wrong with an action between usual surroundings.
fn wrong(action: &Value) -> String {
    problem(json!({"type": "interactive", "body": "b", "action": action})).unwrap_or_default()
}

fn framed(with: &Value) -> String {
    let mut message = json!({"type": "interactive"});
    let fields = with.as_object().unwrap().clone();
    message.as_object_mut().unwrap().extend(fields);
    problem(message).unwrap_or_default()
}

fn buttons(count: usize) -> Value {
    let buttons: Vec<Value> = (0..count)
        .map(|i| json!({"id": i.to_string(), "title": i.to_string()}))
        .collect();
    json!({"type": "buttons", "buttons": buttons})
}

#[test]
fn each_limit_names_its_field() {
    let long = |n: usize| "x".repeat(n);
    let row = |id: &str| json!({"id": id, "title": "t"});
    let cases = [
        (
            buttons(0),
            "`action.buttons` has 0 elements, Meta accepts 1 to 3",
        ),
        (
            buttons(4),
            "`action.buttons` has 4 elements, Meta accepts 1 to 3",
        ),
        (
            json!({"type": "buttons", "buttons": [{"id": "1", "title": long(21)}]}),
            "`action.buttons[0].title` has 21 characters, Meta accepts 20",
        ),
        (
            json!({"type": "buttons", "buttons": [{"id": "1", "title": "a"}, {"id": "2", "title": "a"}]}),
            "`action.buttons[1].title` is another button's as well",
        ),
        (
            json!({"type": "list", "button": "b", "sections": [{"rows": [row("1")]}, {"rows": [row("2")]}]}),
            "`action.sections[0].title` is needed when there are several sections",
        ),
        (
            json!({"type": "list", "button": "b", "sections": [{"rows": [row("1"), row("1")]}]}),
            "`action.sections[0].rows[1].id` is another row's as well",
        ),
        (
            json!({"type": "list", "button": "b", "sections": [
                {"title": "a", "rows": (0..6).map(|i| row(&i.to_string())).collect::<Vec<_>>()},
                {"title": "b", "rows": (6..11).map(|i| row(&i.to_string())).collect::<Vec<_>>()},
            ]}),
            "`action.sections` must have at most 10 rows in all",
        ),
        (
            json!({"type": "cta_url", "display_text": "Open", "url": "example.com"}),
            "`action.url` must be an http(s) address",
        ),
        (
            json!({"type": "flow", "cta": "Book"}),
            "`action.flow_id` or `flow_name` must be given, not both",
        ),
        (
            json!({"type": "flow", "flow_id": "1", "cta": "Book", "data": {"a": 1}}),
            "`action.screen` is needed with `data`",
        ),
        (
            json!({"type": "voice_call", "ttl_minutes": 0}),
            "`action.ttl_minutes` must be 1 to 43200",
        ),
        (
            json!({"type": "address_request", "country": "DE"}),
            "`action.country` must be IN or SG",
        ),
    ];
    for (action, said) in cases {
        assert_eq!(wrong(&action), said);
    }
}

#[test]
fn what_surrounds_an_action_depends_on_it() {
    let image = json!({"type": "media", "kind": "image", "link": "https://a.example/b.png"});
    let text = json!({"type": "text", "text": "t"});
    let list =
        json!({"type": "list", "button": "b", "sections": [{"rows": [{"id": "1", "title": "t"}]}]});
    let products = json!({"type": "product_list", "catalog_id": "1",
        "sections": [{"product_retailer_ids": ["p"]}]});
    let product = json!({"type": "product", "catalog_id": "1", "product_retailer_id": "p"});
    let cases = [
        (json!({"action": buttons(1)}), "`body` must not be empty"),
        (
            json!({"action": buttons(1), "body": "b", "header": image, "footer": "f"}),
            "",
        ),
        (
            json!({"action": list, "body": "b", "header": image}),
            "`header` must be text with this action",
        ),
        (
            json!({"action": list, "body": "x".repeat(4096), "header": text}),
            "",
        ),
        (
            json!({"action": products, "body": "b"}),
            "`header` is needed with this action",
        ),
        (json!({"action": product}), ""),
        (
            json!({"action": product, "header": text}),
            "`header` is not allowed with this action",
        ),
        (
            json!({"action": {"type": "call_permission_request"}, "footer": "f"}),
            "`footer` is not allowed with this action",
        ),
    ];
    for (message, said) in cases {
        assert_eq!(framed(&message), said);
    }
}

#[test]
fn cards_are_of_one_kind() {
    let card = |kind: &str| {
        json!({"type": "cta_url", "media": {"kind": kind, "link": "https://a.example/b"},
            "display_text": "Open", "url": "https://a.example"})
    };
    let product = |catalog: &str| json!({"type": "product", "catalog_id": catalog, "product_retailer_id": "p"});
    let carousel = |cards: Vec<Value>| wrong(&json!({"type": "carousel", "cards": cards}));
    assert_eq!(carousel(vec![card("image"), card("image")]), "");
    assert_eq!(carousel(vec![product("1"), product("1")]), "");
    assert_eq!(
        carousel(vec![card("image")]),
        "`action.cards` has 1 elements, Meta accepts 2 to 10"
    );
    for mixed in [
        vec![card("image"), card("video")],
        vec![card("image"), product("1")],
        vec![product("1"), product("2")],
    ] {
        assert!(carousel(mixed).starts_with("`action.cards[1]` must be of the same kind"));
    }
    assert_eq!(
        carousel(vec![card("document"), card("image")]),
        "`action.cards[0].media.kind` must be image or video"
    );
}
