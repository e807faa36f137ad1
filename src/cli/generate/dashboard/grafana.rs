//! The dashboard as Grafana reads it.

use serde_json::{Value, json};

use super::panels::{Kind, Panel, ROWS, Row};

/// What `@` stands for in an expression.
const JOIN: &str = r#"* on (instance) group_left (cluster, proxy) warren_proxy_info{cluster=~"$cluster", proxy=~"$proxy"}"#;
/// The width of a dashboard, in its own units.
const WIDTH: usize = 24;
/// Lines stand two in a row, figures six.
const LINES: (usize, usize) = (12, 8);
const FIGURE: (usize, usize) = (4, 4);

/// The whole of it.
///
/// # Errors
/// It cannot be written as JSON.
pub(super) fn dashboard() -> serde_json::Result<String> {
    let mut layout = Layout::default();
    ROWS.iter().for_each(|row| layout.row(row));
    let dashboard = json!({
        "uid": "warren",
        "title": "warren",
        "tags": ["warren"],
        "schemaVersion": 39,
        "version": 1,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": { "from": "now-3h", "to": "now" },
        "templating": { "list": [
            { "name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "current": {}, "hide": 0 },
            variable("cluster", "Cluster", "label_values(warren_proxy_info, cluster)"),
            variable("proxy", "Proxy", r#"label_values(warren_proxy_info{cluster=~"$cluster"}, proxy)"#),
        ] },
        "annotations": { "list": [] },
        "panels": layout.panels,
    });
    serde_json::to_string_pretty(&dashboard).map(|json| json + "\n")
}

/// An expression as Prometheus is to get it.
pub(super) fn expression(short: &str) -> String {
    short.replace('@', JOIN)
}

fn variable(name: &str, label: &str, query: &str) -> Value {
    json!({
        "name": name, "label": label, "type": "query", "datasource": source(), "definition": query,
        "query": { "query": query, "refId": name }, "refresh": 2, "sort": 1,
        "multi": true, "includeAll": true, "allValue": ".+", "current": { "text": "All", "value": "$__all" },
    })
}

fn source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// Where the next panel goes.
#[derive(Default)]
struct Layout {
    panels: Vec<Value>,
    x: usize,
    y: usize,
    /// The height of the present line of panels.
    height: usize,
}

impl Layout {
    fn row(&mut self, row: &Row) {
        self.wrap();
        let id = self.panels.len() + 1;
        let at = json!({ "x": 0, "y": self.y, "w": WIDTH, "h": 1 });
        self.panels.push(json!({ "id": id, "type": "row", "title": row.title, "collapsed": false, "gridPos": at, "panels": [] }));
        self.y += 1;
        row.panels.iter().for_each(|panel| self.panel(panel));
    }

    fn panel(&mut self, panel: &Panel) {
        let (width, height) = if panel.kind == Kind::Figure { FIGURE } else { LINES };
        if self.x + width > WIDTH {
            self.wrap();
        }
        let id = self.panels.len() + 1;
        self.panels.push(drawn(panel, id, &json!({ "x": self.x, "y": self.y, "w": width, "h": height })));
        self.x += width;
        self.height = self.height.max(height);
    }

    fn wrap(&mut self) {
        self.y += std::mem::take(&mut self.height);
        self.x = 0;
    }
}

fn drawn(panel: &Panel, id: usize, at: &Value) -> Value {
    let targets: Vec<_> = ('A'..)
        .zip(panel.queries)
        .map(|(letter, (query, legend))| {
            let (expr, is_instant) = (expression(query), panel.kind == Kind::Figure);
            json!({ "refId": letter.to_string(), "datasource": source(), "expr": expr, "legendFormat": legend, "instant": is_instant, "range": !is_instant })
        })
        .collect();
    let (kind, options, custom) = match panel.kind {
        Kind::Figure => (
            "stat",
            json!({ "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false }, "colorMode": "value", "graphMode": "none" }),
            json!({}),
        ),
        Kind::Lines => (
            "timeseries",
            json!({ "legend": { "displayMode": "list", "placement": "bottom" }, "tooltip": { "mode": "multi", "sort": "desc" } }),
            json!({ "lineWidth": 1, "fillOpacity": 10, "showPoints": "never" }),
        ),
    };
    json!({
        "id": id, "type": kind, "title": panel.title, "description": panel.about, "datasource": source(), "gridPos": at, "targets": targets,
        "options": options, "fieldConfig": { "defaults": { "unit": panel.unit, "min": 0, "custom": custom }, "overrides": [] },
    })
}
