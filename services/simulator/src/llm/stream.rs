//! A completion as server-sent events.

use serde_json::{Value, json};

use super::answer::Completion;

/// Events of a stream, in order, without the final `[DONE]`.
pub(crate) fn chunks(completion: &Completion, with_usage: bool) -> Vec<Value> {
    let mut deltas = vec![json!({ "role": "assistant", "content": "" })];
    if let Some(text) = &completion.text {
        deltas.extend(words(text).map(|word| json!({ "content": word })));
    }
    for (index, call) in completion.tool_calls.iter().enumerate() {
        let mut opening = call.clone();
        let arguments = call
            .pointer("/function/arguments")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if let Some(object) = opening.as_object_mut() {
            object.insert("index".to_owned(), json!(index));
        }
        if let Some(slot) = opening.pointer_mut("/function/arguments") {
            *slot = json!("");
        }
        deltas.push(json!({ "tool_calls": [opening] }));
        for piece in pieces(arguments, 16) {
            let call = json!({ "index": index, "function": { "arguments": piece } });
            deltas.push(json!({ "tool_calls": [call] }));
        }
    }
    let mut events: Vec<Value> = deltas
        .into_iter()
        .map(|delta| event(completion, &json!([choice(&delta, None)]), None))
        .collect();
    let last = choice(&json!({}), Some(&completion.finish_reason));
    events.push(event(completion, &json!([last]), None));
    if with_usage {
        events.push(event(completion, &json!([]), Some(&completion.usage())));
    }
    events
}

fn choice(delta: &Value, finish_reason: Option<&str>) -> Value {
    json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason })
}

fn event(completion: &Completion, choices: &Value, usage: Option<&Value>) -> Value {
    json!({
        "id": completion.id,
        "object": "chat.completion.chunk",
        "created": completion.created,
        "model": completion.model,
        "system_fingerprint": "fp_simulator",
        "choices": choices,
        "usage": usage,
    })
}

/// Words with the space after them; together they are the text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ')
}

/// Pieces of at most `size` characters.
fn pieces(text: &str, size: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters
        .chunks(size)
        .map(|piece| piece.iter().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completion() -> Completion {
        Completion {
            id: "c".to_owned(),
            created: 1,
            model: "m".to_owned(),
            text: Some("You said: ¡hola, qué tal!".to_owned()),
            tool_calls: vec![json!({"id": "t", "type": "function",
                "function": {"name": "f", "arguments": "{\"city\":\"São Paulo, Brasil\"}"}})],
            finish_reason: "tool_calls".to_owned(),
            prompt_tokens: 1,
            answer_tokens: 2,
        }
    }

    #[test]
    fn chunks_put_together_are_the_whole_answer() {
        let completion = completion();
        let (mut text, mut arguments) = (String::new(), String::new());
        for chunk in chunks(&completion, true) {
            let get = |path: &str| chunk.pointer(path).and_then(Value::as_str).unwrap_or("");
            text.push_str(get("/choices/0/delta/content"));
            arguments.push_str(get("/choices/0/delta/tool_calls/0/function/arguments"));
        }
        assert_eq!(Some(text), completion.text);
        assert_eq!(arguments, "{\"city\":\"São Paulo, Brasil\"}");
    }

    #[test]
    fn usage_comes_last_and_only_when_asked() {
        let with = chunks(&completion(), true);
        assert!(with.last().unwrap()["usage"]["total_tokens"].is_number());
        let without = chunks(&completion(), false);
        assert!(without.iter().all(|chunk| chunk["usage"].is_null()));
        let last = without.last().unwrap();
        assert_eq!(last["choices"][0]["finish_reason"], "tool_calls");
    }
}
