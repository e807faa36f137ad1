//! What the dashboard shows: rows of panels, and what each asks Prometheus for.
//!
//! In an expression `@` stands for what joins each figure with the names of its proxy and leaves only those that were chosen: figures themselves have no label for them.

/// A row, folded together by its title.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) panels: &'static [Panel],
}

/// A panel.
pub(super) struct Panel {
    pub(super) title: &'static str,
    /// What it is good for.
    pub(super) about: &'static str,
    pub(super) kind: Kind,
    /// As Grafana names it.
    pub(super) unit: &'static str,
    /// Expressions, and what each line is called.
    pub(super) queries: &'static [(&'static str, &'static str)],
}

/// How it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One figure.
    Figure,
    /// Lines over time.
    Lines,
}

const fn lines(title: &'static str, about: &'static str, unit: &'static str, queries: &'static [(&'static str, &'static str)]) -> Panel {
    Panel { title, about, kind: Kind::Lines, unit, queries }
}

const fn figure(title: &'static str, about: &'static str, unit: &'static str, queries: &'static [(&'static str, &'static str)]) -> Panel {
    Panel { title, about, kind: Kind::Figure, unit, queries }
}

/// All of it.
pub(super) const ROWS: &[Row] = &[
    Row {
        title: "At a glance",
        panels: &[
            figure("Proxies with a lease", "Those that may act for the cluster", "short", &[("sum(warren_lease_held @)", "")]),
            figure("Leaders", "One, but for the moment of an election", "short", &[("sum(warren_raft_is_leader @)", "")]),
            figure("Routes", "Tunnels that the cluster knows", "short", &[("max(warren_routes @)", "")]),
            figure("Streams", "Running now, at each proxy on the way", "short", &[("sum(warren_streams @)", "")]),
            figure(
                "Dials that failed",
                "Of all in five minutes, but for those that were denied or meant nothing",
                "percentunit",
                &[(
                    "sum(rate(warren_dials_total{outcome!~\"connected|denied|service_unknown\"}[5m]) @) / sum(rate(warren_dials_total[5m]) @) or vector(0)",
                    "",
                )],
            ),
            figure("Certificate ends", "The first of the proxies'", "s", &[("min(warren_certificate_remaining_seconds @)", "")]),
        ],
    },
    Row {
        title: "Dials",
        panels: &[
            lines(
                "Dials by outcome",
                "Per second",
                "ops",
                &[("sum by (outcome) (rate(warren_dials_total[$__rate_interval]) @)", "{{outcome}}")],
            ),
            lines(
                "Dials by path",
                "Over a tunnel of the proxy that was asked, or over a peer's",
                "ops",
                &[("sum by (path) (rate(warren_dials_total{outcome=\"connected\"}[$__rate_interval]) @)", "{{path}}")],
            ),
            lines(
                "How long a dial takes",
                "Those that connected, from the request to the answer",
                "s",
                &[
                    (
                        "histogram_quantile(0.5, sum by (le) (rate(warren_dial_seconds_bucket{stage=\"whole\"}[$__rate_interval]) @))",
                        "median",
                    ),
                    (
                        "histogram_quantile(0.99, sum by (le) (rate(warren_dial_seconds_bucket{stage=\"whole\"}[$__rate_interval]) @))",
                        "99th percentile",
                    ),
                ],
            ),
            lines(
                "99th percentile by stage",
                "Which part of it takes long",
                "s",
                &[("histogram_quantile(0.99, sum by (le, stage) (rate(warren_dial_seconds_bucket[$__rate_interval]) @))", "{{stage}}")],
            ),
        ],
    },
    Row {
        title: "Streams and bytes",
        panels: &[
            lines(
                "Throughput",
                "Payload; a byte that passes two proxies counts at both",
                "Bps",
                &[
                    ("sum by (proxy) (rate(warren_received_bytes_total[$__rate_interval]) @)", "to clients, {{proxy}}"),
                    ("sum by (proxy) (rate(warren_sent_bytes_total[$__rate_interval]) @)", "to agents, {{proxy}}"),
                ],
            ),
            lines("Streams", "Running", "short", &[("sum by (proxy) (warren_streams @)", "{{proxy}}")]),
            lines(
                "Streams that end badly",
                "Resets, and those that a proxy cut",
                "ops",
                &[
                    ("sum by (proxy) (rate(warren_stream_resets_total[$__rate_interval]) @)", "reset, {{proxy}}"),
                    ("sum by (reason) (rate(warren_streams_cut_total[$__rate_interval]) @)", "cut: {{reason}}"),
                ],
            ),
            lines("Stalled streams", "What nobody reads", "bytes", &[("sum by (proxy) (warren_stalled_bytes @)", "{{proxy}}")]),
        ],
    },
    Row {
        title: "Agents",
        panels: &[
            lines("Tunnels", "Held to each proxy", "short", &[("sum by (proxy) (warren_tunnels @)", "{{proxy}}")]),
            lines(
                "Tunnels that moved",
                "By a drain, or to level",
                "ops",
                &[
                    ("sum(rate(warren_tunnels_handed_over_total[$__rate_interval]) @)", "handed over"),
                    ("sum(rate(warren_tunnels_levelled_total[$__rate_interval]) @)", "levelled"),
                ],
            ),
        ],
    },
    Row {
        title: "Peers",
        panels: &[
            lines("Round trip", "Of the control connections", "s", &[("warren_peer_round_trip_seconds @", "{{proxy}} to {{peer}}")]),
            lines(
                "Lost packets",
                "Of those that were sent",
                "percentunit",
                &[(
                    "rate(warren_peer_packets_lost_total[$__rate_interval]) @ / (rate(warren_peer_packets_sent_total[$__rate_interval]) @ > 0)",
                    "{{proxy}} to {{peer}}",
                )],
            ),
            lines(
                "Connections that are missing",
                "For dials",
                "short",
                &[("sum by (proxy) (warren_peer_data_connections_missing @)", "{{proxy}}")],
            ),
        ],
    },
    Row {
        title: "Raft and its store",
        panels: &[
            lines("Term", "Each election begins a new one", "short", &[("max by (proxy) (warren_raft_term @)", "{{proxy}}")]),
            lines(
                "How long a commit takes",
                "99th percentile",
                "s",
                &[(
                    "histogram_quantile(0.99, sum by (le, proxy) (rate(warren_raft_commit_seconds_bucket[$__rate_interval]) @))",
                    "{{proxy}}",
                )],
            ),
            lines(
                "Entries behind",
                "Committed and not applied",
                "short",
                &[("warren_raft_committed_index @ - warren_raft_applied_index @", "{{proxy}}")],
            ),
            lines(
                "Missed renewals of leases",
                "Each is a sign of a busy machine or network",
                "ops",
                &[("sum by (proxy) (deriv(warren_lease_renewals_missed[5m]) @)", "{{proxy}}")],
            ),
            lines("Size of the store", "All of its files", "bytes", &[("sum by (proxy) (warren_raft_store_bytes @)", "{{proxy}}")]),
            lines(
                "Calls between stores",
                "99th percentile, there and back",
                "s",
                &[(
                    "histogram_quantile(0.99, sum by (le, proxy) (rate(warren_raft_call_seconds_bucket[$__rate_interval]) @))",
                    "{{proxy}}",
                )],
            ),
        ],
    },
    Row {
        title: "Machines and limits",
        panels: &[
            lines("Memory", "In RAM", "bytes", &[("sum by (proxy) (warren_process_resident_memory_bytes @)", "{{proxy}}")]),
            lines(
                "Processor",
                "Cores",
                "short",
                &[("sum by (proxy) (rate(warren_process_cpu_seconds_total[$__rate_interval]) @)", "{{proxy}}")],
            ),
            lines(
                "Descriptors",
                "Open, of those that may be",
                "percentunit",
                &[("warren_process_open_fds @ / (warren_process_max_fds @)", "{{proxy}}")],
            ),
            lines(
                "Limits that were reached",
                "By key of `[limits]`",
                "ops",
                &[("sum by (limit) (rate(warren_limit_reached_total[$__rate_interval]) @) > 0", "{{limit}}")],
            ),
        ],
    },
];
