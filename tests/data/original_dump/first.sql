/*M!999999\- enable the sandbox mode */
-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: cerobot
-- ------------------------------------------------------

CREATE TABLE `sync_branch_mapping` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `repo_id` bigint(20) unsigned NOT NULL,
  `enable` tinyint(1) NOT NULL,
  `internal_branch_name` varchar(255) NOT NULL,
  `external_branch_name` varchar(255) NOT NULL,
  `created_at` timestamp NOT NULL DEFAULT current_timestamp(),
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO `sync_branch_mapping` VALUES
(1,1,1,'test','test','2024-04-12 08:00:00'),
(2,1,1,'--upload-pack=id','main','2024-04-12 08:00:00');

CREATE TABLE `sync_repo_mapping` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `repo_name` varchar(255) NOT NULL,
  `enable` tinyint(1) NOT NULL,
  `internal_repo_address` varchar(255) NOT NULL,
  `external_repo_address` varchar(255) NOT NULL,
  `sync_granularity` enum('all','one') NOT NULL,
  `sync_direction` enum('to_outer','to_inter') NOT NULL,
  `created_at` timestamp NOT NULL DEFAULT current_timestamp(),
  PRIMARY KEY (`id`),
  UNIQUE KEY `repo_name` (`repo_name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO `sync_repo_mapping` VALUES
(1,'ob-robot-test',1,'https://gitlab.example.org/acme/test.git','https://github.com/acme/test.git','one','to_inter','2024-04-12 08:00:00');

-- Dump completed on 2024-04-13 12:00:00
