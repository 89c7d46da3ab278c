use crate::section::section;

section! {
    /// `whatsapp-webhook`: the encrypted data exchange of WhatsApp Flows.
    FlowSettings in flows {
        /// How long a request may take until it is answered, the tenant's server or model included, in milliseconds.
        /// WhatsApp gives up after 10 s and counts endpoints above 7 s as slow.
        answer_timeout_ms: u64 = 8_000,
        /// Largest accepted request, in bytes.
        max_body_bytes: usize = 1_048_576,
        /// Largest answer that is taken from a tenant's server or a model, in bytes.
        max_answer_bytes: usize = 1_048_576,
        /// Requests worked on at once; more are answered 503.
        max_in_flight: usize = 128,
    }
}
