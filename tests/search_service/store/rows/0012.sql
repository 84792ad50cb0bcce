INSERT INTO dataset (name, source, report, created_at) VALUES
    ('photos', '{"layout": "folder", "root": "/data/photos"}', '{"fingerprint": "f1", "classes": ["sky", "road"]}', '2026-01-02 03:04:05.678901');
INSERT INTO job (id, kind, state, owner, priority, request, result, error, note, tags, idempotency_key, attempt, aside, trainings, hours, spent_trainings, spent_seconds, created_at, started_at, finished_at, running_since, ran_seconds) VALUES
    ('00000000-0000-4000-8000-000000000001', 'search', 'succeeded', 'ada', 2, '{"metric": "miou", "dataset": "photos", "seed": 7}', '{"loss": "ours", "version": 1}', NULL, 'Before the lens was cleaned.', '["baseline", "lens-1"]', 'ada key-1', 1, false, 2, 0.5, 2, 2.0, '2026-01-02 03:04:05.678901', '2026-01-02 03:05:00.000000', '2026-01-02 04:00:00.000000', NULL, 3000),
    ('00000000-0000-4000-8000-000000000002', 'retraining', 'failed', 'operator', 0, '{"loss": "dice", "dataset": "photos"}', NULL, 'The dataset is gone.', '', '[]', NULL, 0, false, 1, NULL, 0, 0.5, '2026-01-03 00:00:00.000000', '2026-01-03 00:00:01.000000', '2026-01-03 00:00:02.000000', NULL, 1),
    ('00000000-0000-4000-8000-000000000003', 'comparison', 'paused', 'operator', -1, '{"losses": ["dice", "ours"], "dataset": "photos"}', NULL, NULL, '', '["paper"]', NULL, 0, false, 12, 3.5, 0, 0, '2026-01-04 00:00:00.000000', '2026-01-04 00:00:01.000000', NULL, NULL, 7.5),
    ('00000000-0000-4000-8000-000000000004', 'loss-network', 'queued', 'ada', 0, '{"dataset": "photos", "network": {"kind": "edge_network"}}', NULL, NULL, '', '[]', NULL, 0, false, 1, NULL, 0, 0, '2026-01-05 00:00:00.000000', NULL, NULL, NULL, 0);
INSERT INTO loss (id, name, version, kind, metric, document, sha256, owner, note, created_at) VALUES
    (1000, 'ours', 1, 'surrogate', 'miou', '{"schema": "lossfit/loss/v1", "name": "ours"}', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'ada', 'Good on the border.', '2026-01-02 04:00:00.000000'),
    (1001, 'ours', 2, 'handmade', NULL, '{"schema": "lossfit/loss/v1", "name": "ours"}', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'operator', '', '2026-01-02 05:00:00.000000');
INSERT INTO loss_tag (name, tag, loss_id) VALUES
    ('ours', 'best', 1001);
INSERT INTO loss_alias (name, loss_id, owner, moved_at) VALUES
    ('production', 1000, 'ada', '2026-01-06 00:00:00.000000');
INSERT INTO loss_network (id, kind, fingerprint, num_classes, spec, seed, measures, provenance, sha256, bytes, created_at) VALUES
    (1, 'edge_network', 'f1', NULL, '{"iterations": 10}', 3, '{"f1": 0.5}', '{"job": "00000000-0000-4000-8000-000000000004"}', 'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc', 5000000000, '2026-01-05 01:00:00.000000');
INSERT INTO artifact (job_id, name, sha256, bytes, media_type) VALUES
    ('00000000-0000-4000-8000-000000000001', 'scores.png', 'dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd', 12345, 'image/png');
INSERT INTO evaluation (job_id, stage, number, outcome, finished_at) VALUES
    ('00000000-0000-4000-8000-000000000001', 'repeat 5', 0, '{"metrics": {"miou": 0.5}}', '2026-01-02 03:30:00.000000'),
    ('00000000-0000-4000-8000-000000000003', 'tune 0 0.1', 1, '{"score": 0.25}', '2026-01-04 01:00:00.000000');
INSERT INTO event (job_id, sequence, kind, body, at) VALUES
    ('00000000-0000-4000-8000-000000000001', 1, 'state', '{"state": "running"}', '2026-01-02 03:05:00.000000'),
    ('00000000-0000-4000-8000-000000000001', 2, 'trial', '{"number": 0}', '2026-01-02 03:20:00.000000');
INSERT INTO trial (job_id, number, generation, theta, is_mean, score, metrics, error, failure, ending, iterations, seconds, worker, scales, hold_out, curve, finished_at) VALUES
    ('00000000-0000-4000-8000-000000000001', 0, 0, '[0.25, 0.5]', true, 0.625, '{"miou": 0.625}', NULL, NULL, 'trained', 100, 1.5, '{"threads": 1}', '[2.5]', 'Held out: 40 of 160.', '[[1, 1.5], [2, 1.25]]', '2026-01-02 03:20:00.000000'),
    ('00000000-0000-4000-8000-000000000001', 1, 0, '[0.75, 0.5]', false, NULL, '{}', 'The loss is not finite.', 'infeasible', 'failed', 3, 0.5, '{"threads": 1}', '[2.5]', 'Held out: 40 of 160.', NULL, '2026-01-02 03:21:00.000000');
INSERT INTO assignment (job_id, stage, number, seed, rate, loss, scales, lease, outcome, posted_at) VALUES
    ('00000000-0000-4000-8000-000000000001', 'generation 0', 0, 7, 3.0, '{"schema": "lossfit/loss/v1", "name": "candidate"}', '[2.5]', '00000000-0000-4000-8000-00000000000a', '{"number": 0, "score": 0.625}', '2026-01-02 03:06:00.000000'),
    ('00000000-0000-4000-8000-000000000001', 'round 1', 5, 8, 1.0, '{"schema": "lossfit/loss/v1", "name": "candidate"}', '[]', NULL, NULL, '2026-01-02 03:30:00.000000');
INSERT INTO lease (id, job_id, stage, number, worker, seconds, begun_at, lapses_at, reports, told) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000001', 'generation 0', 0, 'node 3', 60.0, '2026-01-02 03:07:00.000000', '2026-01-02 03:08:00.000000', '[{"step": 1, "metrics": {"miou": 0.5}}]', '{"score": 0.625}');
INSERT INTO token (name, owner, scope, sha256, created_at, expires_at, revoked_at) VALUES
    ('laptop', 'ada', 'submit', 'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee', '2026-01-01 00:00:00.000000', '2027-01-01 00:00:00.000000', NULL),
    ('lost', 'ada', 'admin', 'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff', '2026-01-01 00:00:00.000000', NULL, '2026-01-02 00:00:00.000000');
INSERT INTO audit_entry (number, at, owner, token, client, method, path, status) VALUES
    (1, '2026-01-02 03:04:05.678901', 'ada', 'laptop', '127.0.0.1', 'POST', '/v1/searches', 201);
INSERT INTO controller_report (term, figures, workers, at) VALUES
    (7, '# HELP lossfit_dispatched Jobs.', '[{"host": "node", "pid": 1, "state": "idle"}]', '2026-01-02 03:04:05.678901');
