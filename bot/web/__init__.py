"""What Shipbell serves over HTTP: health now; Slack over HTTP where SHIPBELL_MODE is http."""
