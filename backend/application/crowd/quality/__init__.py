"""Quality of a crowd's masks: measured agreement, trust, consensus, adjudication, gold."""
