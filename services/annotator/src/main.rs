//! Turns files into text.

use std::process::ExitCode;

fn main() -> ExitCode {
    sb_service::main(
        "annotator",
        annotator::NEEDS,
        async |settings, health, lifecycle| {
            annotator::App::build(&settings, &health)
                .await?
                .run(lifecycle)
                .await
        },
    )
}
