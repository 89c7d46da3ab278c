//! Known answers of an independent implementation (`testdata/flows/make_vectors.py`), and hostile bytes.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

#[derive(Deserialize)]
struct Vectors {
    private_key_pem: String,
    public_key_pem: String,
    exchanges: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    body: Value,
    request: Value,
    answer: String,
    encrypted_answer: String,
}

static VECTORS: LazyLock<Vectors> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../testdata/flows/vectors.json")).unwrap()
});
static KEY: LazyLock<FlowPrivateKey> =
    LazyLock::new(|| FlowPrivateKey::from_pem(&VECTORS.private_key_pem).unwrap());
static OTHER_KEY: LazyLock<FlowPrivateKey> = LazyLock::new(|| FlowPrivateKey::generate().unwrap());

fn open(body: &Value, keys: &[&FlowPrivateKey]) -> Result<DecryptedExchange, CannotDecrypt> {
    let encrypted = EncryptedExchange::parse(body.to_string().as_bytes())?;
    let (exchange, _) = encrypted.open(keys.iter().copied())?;
    Ok(exchange)
}

#[test]
fn what_another_implementation_encrypts_is_read_and_answered_bit_by_bit() {
    for vector in &VECTORS.exchanges {
        let body = vector.body.to_string();
        let encrypted = EncryptedExchange::parse(body.as_bytes()).unwrap();
        let (exchange, answer_key) = encrypted.open([&*KEY]).unwrap();
        assert_eq!(Value::Object(exchange.document().clone()), vector.request);
        let answer = answer_key.encrypt(vector.answer.as_bytes()).unwrap();
        assert_eq!(answer, vector.encrypted_answer);
    }
}

#[test]
fn the_fields_of_a_question_are_read() {
    let [ping, init, submitted, reported] = VECTORS.exchanges.as_slice() else {
        panic!("there are four exchanges");
    };
    let read = |vector: &Vector| open(&vector.body, &[&KEY]).unwrap();
    let ping = read(ping);
    assert_eq!((ping.action, ping.flow_token), (Action::Ping, None));
    let init = read(init);
    assert_eq!((&init.action, &init.screen), (&Action::Init, &None));
    assert_eq!(init.flow_token.as_deref(), Some("token-1"));
    assert_eq!(init.reported_error(), None);
    let submitted = read(submitted);
    assert_eq!(submitted.action, Action::DataExchange);
    assert_eq!(submitted.version.as_deref(), Some("4.0"));
    assert_eq!(submitted.screen.as_deref(), Some("ORDER"));
    assert_eq!(submitted.flow_token_signature.as_deref(), Some("a.b.c"));
    assert_eq!(submitted.data.as_ref().unwrap()["count"], 3);
    assert_eq!(submitted.document()["added_later"], json!({ "x": [1, 2] }));
    assert_eq!(
        read(reported).reported_error(),
        Some("invalid-screen-transition")
    );
}

#[test]
fn questions_are_read_tolerantly() {
    let parse = |text: &str| DecryptedExchange::parse(text.as_bytes());
    let odd = parse(r#"{"action":"later_action","version":3,"data":[1],"screen":null}"#).unwrap();
    assert_eq!(odd.action, Action::Other("later_action".to_owned()));
    assert_eq!(odd.action.label(), "other");
    assert_eq!(odd.version.as_deref(), Some("3"));
    assert_eq!((odd.data, odd.screen), (None, None));
    for text in ["", "{", "[]", "{}", r#"{"action":1}"#, "\"ping\"", "\u{0}"] {
        assert!(parse(text).is_none(), "{text}");
    }
}

#[test]
fn the_key_before_opens_as_long_as_it_is_given() {
    let body = &VECTORS.exchanges[0].body;
    assert!(open(body, &[&OTHER_KEY, &KEY]).is_ok());
    assert_eq!(open(body, &[&OTHER_KEY]).unwrap_err(), CannotDecrypt);
    assert_eq!(open(body, &[]).unwrap_err(), CannotDecrypt);
}

#[test]
fn keys_are_written_as_meta_and_other_implementations_write_them() {
    assert_eq!(KEY.public_key_pem().unwrap(), VECTORS.public_key_pem);
    assert_eq!(*KEY.to_pem().unwrap(), VECTORS.private_key_pem);
    let made = OTHER_KEY.to_pem().unwrap();
    assert!(FlowPrivateKey::from_pem(&made).is_ok());
}

#[test]
fn only_private_keys_of_metas_size_are_taken() {
    let read = |pem: &str| FlowPrivateKey::from_pem(pem).unwrap_err();
    assert_eq!(read(""), FlowKeyError::Malformed);
    assert_eq!(read(&VECTORS.public_key_pem), FlowKeyError::Malformed);
    let small = include_str!("../../testdata/flows/rsa1024.pem");
    assert_eq!(read(small), FlowKeyError::Size { bits: 1024 });
}

#[test]
fn neither_keys_nor_what_people_enter_is_printed() {
    let encrypted = EncryptedExchange::parse(VECTORS.exchanges[2].body.to_string().as_bytes());
    let (exchange, answer_key) = encrypted.unwrap().open([&*KEY]).unwrap();
    let printed = format!("{exchange:?} {answer_key:?} {:?}", *KEY);
    for secret in ["tulip", "token-1", "a.b.c"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

const PARTS: [&str; 3] = ["encrypted_flow_data", "encrypted_aes_key", "initial_vector"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_changed_bit_of_any_part_is_noticed(
        vector in 0_usize..4,
        part in prop::sample::select(&PARTS[..]),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let mut body = VECTORS.exchanges[vector].body.clone();
        let mut bytes = STANDARD.decode(body[part].as_str().unwrap()).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        body[part] = STANDARD.encode(bytes).into();
        prop_assert_eq!(open(&body, &[&KEY]).unwrap_err(), CannotDecrypt);
    }

    #[test]
    fn parts_of_any_length_are_refused_without_a_panic(
        part in prop::sample::select(&PARTS[..]),
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let mut body = VECTORS.exchanges[1].body.clone();
        body[part] = STANDARD.encode(bytes).into();
        prop_assert_eq!(open(&body, &[&KEY]).unwrap_err(), CannotDecrypt);
    }

    #[test]
    fn parts_of_another_exchange_do_not_fit(part in prop::sample::select(&PARTS[..])) {
        let mut body = VECTORS.exchanges[1].body.clone();
        body[part] = VECTORS.exchanges[2].body[part].clone();
        prop_assert_eq!(open(&body, &[&KEY]).unwrap_err(), CannotDecrypt);
    }
}

proptest! {
    #[test]
    fn no_body_makes_the_parser_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(EncryptedExchange::parse(&body).unwrap_err(), CannotDecrypt);
    }

    #[test]
    fn no_object_makes_the_parser_panic(data in ".{0,80}", key in ".{0,80}", iv in ".{0,40}") {
        let body = json!({ "encrypted_flow_data": data, "encrypted_aes_key": key, "initial_vector": iv });
        let _ = EncryptedExchange::parse(body.to_string().as_bytes());
    }

    #[test]
    fn no_plaintext_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = DecryptedExchange::parse(text.as_bytes());
        let _ = FlowAnswer::parse(text.as_bytes(), None);
    }
}
