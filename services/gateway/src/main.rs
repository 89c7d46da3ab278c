//! The `gateway` binary; `gateway print-openapi` writes the API's description to standard output.

use std::io::Write as _;
use std::process::ExitCode;

/// Fewer and shorter pauses than the system's allocator under many small requests.
fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("print-openapi") {
        return match std::io::stdout().write_all(gateway::openapi_json().as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_closed) => ExitCode::FAILURE,
        };
    }
    sb_service::main(
        "gateway",
        gateway::NEEDS,
        async |settings, health, lifecycle| {
            gateway::App::build(&settings, &health)
                .await?
                .run(lifecycle)
                .await
        },
    )
}
