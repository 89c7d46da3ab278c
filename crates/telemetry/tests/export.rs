//! What a collector receives. Alone in its binary, because telemetry is set up once per process.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::mpsc,
    thread,
};

use sb_config::TelemetrySettings;

#[test]
fn traces_and_metrics_reach_the_collector_before_the_process_ends() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/", collector.local_addr().unwrap());
    let (paths, received) = mpsc::channel();
    thread::spawn(move || {
        for stream in collector.incoming() {
            let mut stream = stream.unwrap();
            let mut request = vec![0; 65_536];
            let length = stream.read(&mut request).unwrap();
            let text = String::from_utf8_lossy(&request[..length]).into_owned();
            paths
                .send(text.lines().next().unwrap_or_default().to_owned())
                .unwrap();
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });

    let settings = TelemetrySettings {
        otlp_endpoint: endpoint,
        ..Default::default()
    };
    let guard = sb_telemetry::init(&settings, "test").unwrap();
    sb_telemetry::meter("test")
        .u64_counter("switchboard.test.things")
        .build()
        .add(1, &[]);
    let traceparent = tracing::info_span!("work").in_scope(sb_telemetry::inject_current);
    assert!(
        traceparent[0].1.ends_with("-01"),
        "sampled: {traceparent:?}"
    );
    assert!(sb_telemetry::metrics_text().contains("service_name=\"test\""));
    guard.shutdown();

    let mut paths: Vec<String> = received.try_iter().collect();
    paths.sort();
    paths.dedup();
    assert_eq!(
        paths,
        ["POST /v1/metrics HTTP/1.1", "POST /v1/traces HTTP/1.1"]
    );
}
