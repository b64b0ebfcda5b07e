"""A whole cluster on this machine: PostgreSQL under Patroni with etcd, nodes, and HAProxy."""
