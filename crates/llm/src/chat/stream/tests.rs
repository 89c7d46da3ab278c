//! Streams in the documented form, and what servers make of it.

use futures::stream;

use super::*;

const NORMAL: &str = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-5-mini-2025","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-5-mini-2025","choices":[{"index":0,"delta":{"content":"Grüß "},"finish_reason":null}],"usage":null}

: keep-alive

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-5-mini-2025","choices":[{"index":0,"delta":{"content":"dich"},"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-5-mini-2025","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-5-mini-2025","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":0}}}

data: [DONE]

"#;

const CALLS: &str = r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"weather","arguments":""}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"now","arguments":""}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"Bern\"}"}}]}}]}

data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

data: [DONE]

"#;

/// Whole calls that all claim the same place, as Google sends them, and then without any.
const CALLS_IN_ONE_PLACE: &str = r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","tool_calls":[{"index":0,"id":"a","function":{"name":"one","arguments":"{}"}},{"index":0,"id":"b","function":{"name":"two","arguments":"{}"}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"id":"c","function":{"name":"three","arguments":"{"}},{"function":{"arguments":"}"}}]},"finish_reason":"stop"}]}

"#;

fn pieces(text: &str, size: usize) -> Vec<Result<Bytes, EgressError>> {
    text.as_bytes()
        .chunks(size)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect()
}

async fn read_pieces(pieces: Vec<Result<Bytes, EgressError>>) -> Result<ChatAnswer, LlmError> {
    read(stream::iter(pieces), Duration::from_secs(5)).await
}

async fn read_text(text: &str) -> Result<ChatAnswer, LlmError> {
    read_pieces(pieces(text, 4_096)).await
}

#[tokio::test]
async fn a_stream_reads_the_same_however_it_is_cut_into_packets() {
    for size in [1, 2, 3, 7, 64, 100_000] {
        let answer = read_pieces(pieces(NORMAL, size)).await.unwrap();
        assert_eq!(answer.text, "Grüß dich", "{size}");
        assert_eq!(answer.finish_reason, FinishReason::Stop);
        let usage = Usage {
            input_tokens: 9,
            cached_tokens: 0,
            output_tokens: 3,
        };
        assert_eq!(answer.usage, Some(usage));
        assert_eq!(answer.id.as_deref(), Some("chatcmpl-1"));
    }
}

#[tokio::test]
async fn other_line_ends_are_line_ends() {
    let answer = read_text(&NORMAL.replace('\n', "\r\n")).await.unwrap();
    assert_eq!(answer.text, "Grüß dich");
}

#[tokio::test]
async fn calls_grow_by_their_index() {
    let answer = read_text(CALLS).await.unwrap();
    assert_eq!(answer.text, "");
    assert_eq!(answer.finish_reason, FinishReason::ToolCalls);
    let calls: Vec<_> = answer
        .tool_calls
        .iter()
        .map(|call| {
            (
                call.id.as_str(),
                call.name.as_str(),
                call.arguments.as_str(),
            )
        })
        .collect();
    assert_eq!(
        calls,
        [
            ("call_a", "weather", r#"{"city":"Bern"}"#),
            ("call_b", "now", "{}")
        ]
    );
}

#[tokio::test]
async fn calls_in_one_place_are_told_apart_by_their_ids() {
    let answer = read_text(CALLS_IN_ONE_PLACE).await.unwrap();
    let calls: Vec<_> = answer
        .tool_calls
        .iter()
        .map(|call| {
            (
                call.id.as_str(),
                call.name.as_str(),
                call.arguments.as_str(),
            )
        })
        .collect();
    assert_eq!(
        calls,
        [("a", "one", "{}"), ("b", "two", "{}"), ("c", "three", "{}")]
    );
}

#[tokio::test]
async fn an_end_without_done_counts_when_the_model_said_it_stopped() {
    let until_stop = NORMAL.split("data: [DONE]").next().unwrap();
    assert_eq!(read_text(until_stop).await.unwrap().text, "Grüß dich");
}

#[tokio::test]
async fn a_cut_stream_is_not_a_short_answer() {
    let until_text = NORMAL.split("data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-5-mini-2025\",\"choices\":[{\"index\":0,\"delta\":{},").next().unwrap();
    let error = read_text(until_text).await.unwrap_err();
    assert!(matches!(error, LlmError::Cut), "{error:?}");
    assert!(error.is_retryable());
    assert!(matches!(read_text("").await, Err(LlmError::Cut)));
}

#[tokio::test]
async fn an_error_in_the_middle_is_the_result() {
    let start = NORMAL.split(": keep-alive").next().unwrap();
    let overloaded = format!(
        "{start}event: error\ndata: {{\"error\":{{\"message\":\"overloaded\",\"type\":\"server_error\"}}}}\n\n"
    );
    let error = read_text(&overloaded).await.unwrap_err();
    assert_eq!(error.kind(), "unavailable");
    assert!(error.is_retryable());
    let message = error
        .provider_error()
        .and_then(|error| error.message.as_deref());
    assert_eq!(message, Some("overloaded"));
}

#[tokio::test]
async fn a_broken_connection_is_the_result() {
    let mut broken = pieces(NORMAL, 300);
    broken.truncate(2);
    let host = "h".to_owned();
    let (problem, line, column) = ("incomplete document", 1, 1);
    broken.push(Err(EgressError::Decode {
        host,
        problem,
        line,
        column,
    }));
    let error = read_pieces(broken).await.unwrap_err();
    assert!(matches!(error, LlmError::Interrupted { .. }), "{error:?}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn malformed_streams_are_refused_without_a_quote() {
    for text in [
        "data: {\"choices\":\"none\"}\n\n",
        "data: secret plans\n\n",
        "no colon\n\n",
    ] {
        let error = read_text(text).await.unwrap_err();
        assert!(matches!(error, LlmError::Malformed { .. }), "{error:?}");
        assert!(!error.is_retryable());
        assert!(!format!("{error:?} {error}").contains("secret"));
    }
}

#[tokio::test]
async fn an_endless_line_is_cut_off() {
    let piece = Bytes::from(vec![b'x'; 1024 * 1024]);
    let endless = stream::repeat_with(move || Ok(piece.clone()));
    let error = read(endless, Duration::from_secs(5)).await.unwrap_err();
    assert!(matches!(error, LlmError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn a_stream_that_stands_still_is_given_up() {
    let start = pieces(NORMAL, 300).into_iter().take(2);
    let stuck = stream::iter(start).chain(stream::pending());
    let error = read(stuck, Duration::from_millis(20)).await.unwrap_err();
    assert!(matches!(error, LlmError::Stalled { .. }), "{error:?}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_refusal_is_kept_apart_from_the_text() {
    let text = "data: {\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\"I cannot\"},\"finish_reason\":\"stop\"}]}\n\n";
    let answer = read_text(text).await.unwrap();
    assert_eq!(answer.text, "");
    assert_eq!(answer.refusal.as_deref(), Some("I cannot"));
}
